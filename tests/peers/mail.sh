#!/usr/bin/env bash
# A mail server of one's own for tests: Postfix (submission with STARTTLS or TLS from the first byte, and sign-in) in
# front of Dovecot (mailboxes over LMTP, sign-in for both, IMAP to read back). Everything lies below one folder, listens
# on 127.0.0.1 only, and can send nothing outside.
#
#   mail.sh start FOLDER SMTP_PORT SMTPS_PORT IMAP_PORT    starts, waits until they answer, prints NAME=value lines
#   mail.sh stop FOLDER                                    stops what start started there
#
# Needs root (Postfix does), and the programs postfix, dovecot, openssl.
set -euo pipefail

readonly READY_TRIES=100 READY_PAUSE_SECONDS=0.1
readonly USER_NAME=daybrief PASSWORD=pw-for-tests

usage() {
    sed -n '6,7s/^#  *//p' "$0" >&2
    exit 2
}

certificates() {
    local tls=$1
    mkdir -p "$tls"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=Test authority' \
        -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign' \
        -keyout "$tls/ca.key" -out "$tls/ca.pem" 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=localhost' \
        -keyout "$tls/server.key" -out "$tls/server.csr" 2>/dev/null
    openssl x509 -req -in "$tls/server.csr" -CA "$tls/ca.pem" -CAkey "$tls/ca.key" -CAcreateserial -days 2 \
        -extfile <(printf 'basicConstraints=CA:FALSE\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n') \
        -out "$tls/server.pem" 2>/dev/null
    chmod 600 "$tls"/*.key
}

dovecot_settings() {
    local folder=$1 imap_port=$2
    cat <<END
base_dir = $folder/dovecot/run
log_path = $folder/dovecot/log
protocols = imap lmtp
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
mail_location = maildir:$folder/box/%u
mail_uid = mail
mail_gid = mail
first_valid_uid = 1
default_internal_user = dovecot
default_login_user = dovenull
passdb {
  driver = static
  args = password=$PASSWORD
}
userdb {
  driver = static
  args = uid=mail gid=mail home=$folder/box/%u
}
service imap-login {
  inet_listener imap {
    port = $imap_port
  }
  inet_listener imaps {
    port = 0
  }
}
service lmtp {
  unix_listener $folder/sockets/lmtp {
    mode = 0666
  }
}
service auth {
  unix_listener $folder/sockets/auth {
    mode = 0666
  }
}
END
}

postfix_settings() {
    local folder=$1
    cat <<END
compatibility_level = 3.6
queue_directory = $folder/postfix/queue
data_directory = $folder/postfix/data
maillog_file = $folder/postfix/log
maillog_file_prefixes = $folder
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.acme.test
mydestination =
mynetworks =
local_recipient_maps =
virtual_mailbox_domains = acme.test
virtual_mailbox_maps = inline:{ { mara@acme.test = x }, { ceo@acme.test = x }, { daemon@acme.test = x }, { killed@acme.test = x }, { mongo@acme.test = x }, { crowd@acme.test = x }, { outage@acme.test = x } }
virtual_transport = lmtp:unix:$folder/sockets/lmtp
default_transport = error:no mail leaves this test
relay_transport = error:no mail leaves this test
smtputf8_enable = yes
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_tls_cert_file = $folder/tls/server.pem
smtpd_tls_key_file = $folder/tls/server.key
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = $folder/sockets/auth
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = reject_unlisted_recipient, permit_sasl_authenticated, reject
END
}

answers() {
    local port=$1 greeting=$2 line
    exec 3<>"/dev/tcp/127.0.0.1/$port" || return 1
    IFS= read -r -t 2 line <&3 || { exec 3>&-; return 1; }
    exec 3>&-
    [[ $line == "$greeting"* ]]
}

wait_for() {
    local port=$1 greeting=$2 try
    for ((try = 0; try < READY_TRIES; try++)); do
        if answers "$port" "$greeting" 2>/dev/null; then return 0; fi
        sleep "$READY_PAUSE_SECONDS"
    done
    echo "mail.sh: nothing answers on port $port" >&2
    return 1
}

start() {
    [[ $# -eq 4 ]] || usage
    local folder smtp_port=$2 smtps_port=$3 imap_port=$4
    mkdir -p "$1"
    folder=$(cd "$1" && pwd)
    mkdir -p "$folder"/{box,sockets,dovecot/run,postfix/queue,postfix/data,postfix/etc}
    # The servers run as users of their own: they must be able to pass through.
    chmod 755 "$folder" "$folder/sockets" "$folder/dovecot"
    chown mail:mail "$folder/box"
    chown postfix "$folder/postfix/data"
    certificates "$folder/tls"

    dovecot_settings "$folder" "$imap_port" >"$folder/dovecot/dovecot.conf"
    dovecot -c "$folder/dovecot/dovecot.conf"

    local master
    master=$(find /usr/share/postfix /etc/postfix -name 'master.cf.dist' -o -name 'master.cf' 2>/dev/null | head -n 1)
    # The shipped services, none of them in a chroot, the SMTP server on our port.
    awk -v port="$smtp_port" '
        /^smtp[ \t]+inet/ { $1 = "127.0.0.1:" port }
        /^[^ \t#]/ && NF >= 8 { $5 = "n" }
        { print }' "$master" >"$folder/postfix/etc/master.cf"
    printf '%s\n' "127.0.0.1:$smtps_port inet n - n - - smtpd -o smtpd_tls_wrappermode=yes" \
        >>"$folder/postfix/etc/master.cf"
    postfix_settings "$folder" >"$folder/postfix/etc/main.cf"
    postfix -c "$folder/postfix/etc" start >"$folder/postfix/start.log" 2>&1 || {
        cat "$folder/postfix/start.log" >&2
        return 1
    }
    wait_for "$imap_port" '* OK'
    wait_for "$smtp_port" '220 '

    echo "DAYBRIEF_TEST_SMTP=127.0.0.1:$smtp_port"
    echo "DAYBRIEF_TEST_SMTPS=127.0.0.1:$smtps_port"
    echo "DAYBRIEF_TEST_SMTP_CA=$folder/tls/ca.pem"
    echo "DAYBRIEF_TEST_SMTP_LOGIN=$USER_NAME:$PASSWORD"
    echo "DAYBRIEF_TEST_IMAP=127.0.0.1:$imap_port"
}

stop() {
    [[ $# -eq 1 && -d $1 ]] || usage
    local folder
    folder=$(cd "$1" && pwd)
    postfix -c "$folder/postfix/etc" stop >/dev/null 2>&1 || true
    dovecot -c "$folder/dovecot/dovecot.conf" stop >/dev/null 2>&1 || true
}

case ${1-} in
start) shift && start "$@" ;;
stop) shift && stop "$@" ;;
*) usage ;;
esac
