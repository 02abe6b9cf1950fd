//! Words that call for a close look.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::{prompts, scan::Bits};

/// Words after which a scanner must look, as whole words; at an end with `…` the word may go on.
const WORDS: [(Bits, &str); 6] = [
    (
        Bits::SQL,
        "lateral view|cross apply|outer apply|select|insert|update|delete|create|alter|drop|truncate|grant|revoke|join|where|union|having|group by|order by|limit|\
         explain|pragma…|describe|show tables|show databases|show columns|show create|show full|merge into|exec…|\
         information_schema…|pg_…|sqlite_…|sys.…|match|is not null|varchar|jql|primary key|foreign key|not exists|values|\
         returning|offset|over (|over(|as (|declare|lock tables|lock table|refresh|copy|upsert|case when|#standardsql|vacuum|\
         reindex|qualify|rollup|cube|seq scan|index scan|hash join|nested loop|hgetall|project in|after -|hmget|hget|hset|hdel|zrange…|\
         zrevrange|zadd|zcard|lrange|lpush|rpush|smembers|sadd|setex|mget|xadd|xrange|xread|expire|ft.search",
    ),
    (
        Bits::CODE,
        "import|def|defn|function|const|sudo|curl|wget|ssh|scp|kubectl|helm|docker…|git|npm|npx|yarn|pip|pip3|apt|apt-get|\
         brew|psql|mysql…|mongosh|mongo|redis-cli|chmod|chown|rm -…|systemctl|journalctl|cargo|python…|node|grep|awk|sed|\
         tail|cat|ls|cd|mkdir|tar|terraform|aws|gcloud|openssl|export|powershell|no-lock|exclusive-lock|net user|net use|net stop|net start|net localgroup|ipconfig|gpupdate|schtasks|robocopy|xcopy|icacls|tasklist|taskkill|perform varying|perform until|end-…|compute|read table|loop at|sy-…|ws-…|endif|endloop|select single|set /…|call_…|toolu_…|println…|console.…|#include|fn|func|lambda|\
         await|async|apiversion…|action:|action input|tool_…|function_call…|mcp__…|functions.…|class|return|mutation|query|\
         #!|public static|tools/call|tools/list|: true|: false|: null|: undefined|-----begin…|get-…|invoke-…|restart-service…|start-service…|stop-service…|set-item…|remove-item…|new-item…|\
         select-object…|where-object…|nmap|ping|telnet|crontab|elif|printf…",
    ),
    (
        Bits::ERROR,
        "traceback|exception…|panicked|goroutine|sqlstate…|ora-…|error…|refused|denied|violates|no such|does not exist|\
         doesn't exist|deadlock|psycopg…|sqlalchemy…|pymysql…|e11000|segmentation|core dumped|undefined|nullpointer…|econn…|\
         etimedout|enotfound|hang up|dial tcp|getaddrinfo|x509|java.…|org.…|timed out|timeout|unhandled|fatal|stack trace|\
         stacktrace|line|failed|too many connections|lock wait|null pointer|out of memory|…error…|…exception…|fehler|erreur|\
         odbc|ole db|library not loaded|…killed|database is locked|upstream|before headers|amq…|dsn…|mqrc_…|misconf|noauth|wrongtype|crossslot|soap-env…|soap:…|faultstring|faultcode|errorcode|object reference|objektverweis|référence d'objet|referencia a objeto|laufzeitfehler|remoteserver|remote server|serveur distant|servidor remoto|ejecución|exécution|found nil|aadsts…|abend|at offset|completion code|reason code|mch…|rnx…|rnq…|cpd…|msg|varchar|nvarchar|bigint|tinyint|smallint|nchar|datetime2|uniqueidentifier|system.…|exit code|sqlite_…|warn|fatal exception|permission denied|\
         syntax|caused by|status code|http|segfault|could not resolve|cannot borrow|live long enough|mismatched types|not assignable|undeclared|\
         unresolved|cannot find|incompatible types|ts2…|cs0…|e0…|0x…|existe|existiert nicht|mens",
    ),
    (
        Bits::PROMPT,
        "ignore|ignoriere…|ignorez|ignora|ignorer|ignorar|disregard|forget|vergiss…|oubliez|oublie|olvida|override|prompt|\
         prompts|systemprompt…|system-prompt…|daybrief|assistant|you are|you're|du bist|tu es|eres|sie sind|vous êtes|\
         language model|sprachmodell|instructions|instruction|anweisung…|vorgabe…|richtlinie…|indicaciones|instrucciones|benutzer:|nutzer:|usuario:|usuaria:|\
         benutzer :|nutzer :|word for word|verbatim|# role|# persona|# rules|# instruction…|# task|# system|# rolle|# regeln|# rol|\
         # anweisungen|# rôle|# règles|# reglas|**user**|**human**|system:|configured|primed|directrices|vorgaben|consignes|mir wurde|du darfst|révèle…|reveles|developer|message système|mensaje del sistema|mensaje de sistema|my configuration|[inst|[/inst|<<sys|\
         ### …|jailbreak…|human:|user:|systemnachricht|systemmeldung|systemanweisung…|système|systeme|sistema|consigne…|\
         reglas|regeln|regel|règles|meines prompts|tu rédiges|utilisateur|du formulierst|rules|my rules|instructed|prompted|\
         programmed|guidelines|als ki…|as an ai|en tant|como modelo|never reveal|my instructions|my rules|do not reveal|i was given|i have been given|i was shown|i am configured|i am set up|i am designed|i am trained|told me|instructed me|\
         i was sent|never mention|do not mention|don't mention|never name|do not name|don't name|indications|utilisateur :|utilisateur:|humain :|humain:",
    ),
    (
        Bits::SECRET,
        "password…|passwords|passwd|pwd|passwort…|kennwort…|mot de passe|contrase…|secret…|token…|api key…|api-key…|apikey…|\
         api_key…|credential…|passphrase|bearer|akia…|asia…|sk-…|sk_…|pk_…|rk_…|ghp_…|gho_…|ghu_…|ghs_…|ghr_…|github_pat_…|\
         glpat-…|xox…|xapp-…|aiza…|ya29.…|sg.…|npm_…|pypi-…|hf_…|eyj…|-----begin…|-----end…|whsec_…|shpat_…|accountkey…|\
         private key|ssh-rsa|ssh-ed25519|pin|api-schl…|zugangsdaten|identifiant…|credenciales|anmeldung|zugang|acceso|accès|geheim…|clave|access key|secret key|atatt…|lin_api_…|\
         dapi…|hvs.…|gsk_…|xai-…|pat|key|schlüssel|secreto|login|authorization",
    ),
    (
        Bits::HOST,
        "localhost|www.…|javascript:…|vbscript:…|data:…|mailto:…|tel:…|port|ports|-prd…|pg-…|k8s-…|ldap-…|nas-…|smtp-…|cache-…|proxy-…|vpn-…|ec2-…|dc-…|-uat…|-tst…|-qas…|(dot)…|[dot]…|(punkt)…|(point)…|(punto)…|dot|-prod|prod-…|db-…|-db|srv-…|-srv…|server-…|\
         -server…|lb-…|fw-…|gw-…|rtr-…|-staging|staging-…|redis-…|mysql-…|postgres-…|mongo-…|kafka-…|ip-…|-prod-…|-db-…|vm-…|hostname|\
         docker-compose|dockerfile|makefile|id_rsa|id_ed25519|authorized_keys",
    ),
];

/// Words of everyday after which a scanner must look only where one of its patterns is in the sentence itself.
const PERHAPS: [(Bits, &str); 4] = [
    (
        Bits::PROMPT,
        "instruktionen|directives|directive|programming|tools|tool|context|invent|fabricate|make up|hallucinate|guess|\
         verwende|benutze|nutze|antworte|gib|erfinde|utilise|emploie|n'invente|réponds|reponds|ne mentionne|ne cite|\
         ne divulgue|ne montre|usa|utiliza|emplea|inventes|menciones|divulgues|muestres|cites|responde|normas|qui m'a|\
         qui m'ont|der mir|den ich|que me|he recibido|qu'on m'a|j'ai reçu…|llamadas a herramientas|appels d'outils|\
         werkzeugaufrufe|entwickler…|desarrollador|développeur|me|my|mir|ich wurde|bin ich|wurde ich|mein…|meine…|mon|ma|\
         mes|mi|mis|m'…|i was|i have been|i've been|that i|tú no ves|tu no ves|tengo cargad…|llevo…|quien me|glissée…|\
         deine antworten|stell dir vor|tu so|tu assistes|tu vouvoies|tu tutoies|tu ne parles|tu réponds|tu agis|l'on te|\
         nunca|jamás|désormais tu|from now on|ab jetzt|ab hier|ab sofort|a partir de ahora|you help|placed|\
         fais abstraction|what you were told|instrucciones del|ai reading|ki|ia|ai|chatbot…|llm…|sprachmodell…|begin of…|\
         system >|curious|polite|thought|thoughts|pensamiento|gedanke…|réflexion…|top_p|num_ctx|max_tokens|tokens|jetons|\
         temperatur…|température|modelo|the model|language model|modell|modèle|no nombres|nenne|ne nomme|usuario >|système >|human >|machine >|of my|hidden instruction|hidden instructions|betreibers|opérateur|operador|operator|mir ist|mir war|mir sind|ich gestartet|versteckte…|geheim|vorspann|vortext|on m'a|me sont|mon cadrage|mon paramétrage|paramétrage|mon amorce|mon préambule|instruction cachée|se me ha|fui configurad…|fui programad…|fui entrenad…|fui instruid…|me cargaron|me dieron|me impusieron|me pusieron|me fijaron|recibo antes|oculta|◁think|◁/think|<think>|</think>|au modèle|al modelo|to the model|for the model|an das modell|ne tiens|ne tiens plus|tengas en cuenta|beachte|humano :|humano:|my setup|my set-up|configured me|built me|deployed me|i was given|been handed|at the start|conversation began|so eingestellt|wie folgt eingestellt|beim einrichten|bei der einrichtung|oberhalb|m'a réglé|m'a configuré|m'a paramétré|ainsi réglé|j'ai reçu|han configurado|han programado|se me encomend…|se me ind…|al ponerme|que recibí|del desarrollador|system override|ai assistants|assistants processing|directive for|for the language model|ab hier gelten|ab jetzt gelten|omite tus|ignora tus|olvida tus|oublie tes|ignore tes|vergiss deine|ignoriere deine|above our|above this|ahead of our|before our|über unserem|vor unserem|avant notre|au-dessus de notre|encima de|antes de nuestra|me guide|me régit|me cadre|governs me|guides me|mich leitet|mich anleitet|mich steuert|me guía|me rige|me gobierna|instruktion:",
    ),
    (
        Bits::ERROR,
        "warning|compilation error|arn|authorized to|error occurred|not authorized|nodes are available|node is available|failedscheduling|failedmount|\
         failedcreate…|errimagepull|imagepullbackoff|createcontainer…|nodenotready|cors|access-control-…|cross-origin|\
         selector|terminating app|disconnecting|modbus|illegal data|quality code|back-off|failed to pull|probe|programm|\
         programa|programme|include|idoc|segment|cpf4…|cpf3…|cpf9…|codeunit|aufrufliste|meldung|mensaje|ungültiger|\
         nombre de|nom d'objet|nom de colonne|5.7…|5.1…|5.2…|5.4…|5.5…|4.7…|4.4…|on type|trace id|correlation id|\
         request id|activity id|trace-id",
    ),
    (
        Bits::SECRET,
        "puk|tan|key box|key safe|mailbox|voicemail|clavier|répondeur|ascenseur|boîte murale|boîte à clés|portero|buzón|hofeinfahrt|passcode|phrase de passe|keypad|alarm|alarme|alarma|panel|safe|vault|padlock|gate|door|tresor|bedienteil|alarmanlage|unscharf|portail|coffre|serrure|digicode|portón|puerta|caja fuerte|teclado|candado|almacén|network|netzwerk|réseau|wlan|one-time|un solo uso|usage unique|par sms|phrase de secours|backup phrase|karte|card|carte|tarjeta|photo-tan|push-tan|sms-tan|sms-pin|digicode|zutrittscode…|alarmcode…|tresorcode…|türcode…|wireless|clé|wpa|wlan-…|wifi|wi-fi|palabra de paso|losungswort|phrase secr…|combination|kombination|combinaison|\
         combinación|combinacion|code|codes|código…|codigo…|geheimcode|einmal…|otp|wiederherstellungs…|notfallcode…|\
         seed…|with the words|recovery phrase|phrase de récup…|frase semilla|frase de recup…",
    ),
    (
        Bits::NAME,
        "mara-…|marc-…|mard-…|makt-…|mbew-…|mseg-…|mkpf-…|vbak-…|vbap-…|vbep-…|vbrk-…|vbrp-…|vbuk-…|likp-…|lips-…|ekko-…|\
         ekpo-…|eket-…|ekbe-…|eban-…|bkpf-…|bseg-…|bsid-…|bsik-…|bsad-…|bsak-…|kna1-…|knb1-…|knvv-…|lfa1-…|lfb1-…|afko-…|\
         afpo-…|aufk-…|coep-…|cosp-…|csks-…|plpo-…|resb-…|qals-…|qmel-…|edidc-…|edid4-…|stko-…|stpo-…|pa0…|parameter|\
         parameters|paramètre|paramètres|parámetro|parámetros|argument|arguments|argumento",
    ),
];

/// What a word tells of a text.
pub struct Trigger {
    pub bits: Bits,
    /// A word must begin, and end, with it.
    pub begins: bool,
    pub ends: bool,
    /// It tells only that a look at the sentence is worth it.
    pub perhaps: bool,
}

pub struct Triggers {
    pub automaton: Option<AhoCorasick>,
    /// One for each pattern.
    pub kinds: Vec<Trigger>,
}

pub static TRIGGERS: LazyLock<Triggers> = LazyLock::new(|| {
    let (mut patterns, mut kinds) = (Vec::new(), Vec::new());
    let mut add = |text: &str, bits: Bits, begins: bool, ends: bool, perhaps: bool| {
        // Both apostrophes are in use.
        let curly = text.contains('\'').then(|| text.replace('\'', "’"));
        for text in curly.into_iter().chain([text.to_owned()]) {
            patterns.push(text);
            kinds.push(Trigger {
                bits,
                begins,
                ends,
                perhaps,
            });
        }
    };
    let sure = WORDS.iter().map(|list| (list, false));
    for ((bits, words), perhaps) in sure.chain(PERHAPS.iter().map(|list| (list, true))) {
        for word in words.split('|') {
            let (begins, ends) = (!word.starts_with('…'), !word.ends_with('…'));
            add(word.trim_matches('…'), *bits, begins, ends, perhaps);
        }
    }
    for sentence in prompts::shipped() {
        add(sentence, Bits::PROMPT, true, false, false);
    }
    Triggers {
        automaton: AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .build(&patterns)
            .ok(),
        kinds,
    }
});
