//! What looks like a statement, code, a trace, an object, a place in the network, a prompt or a secret. Every pattern runs in
//! linear time (no back-tracking) over the folded text, without regard to case unless it says `(?-i)`.

use std::sync::LazyLock;

use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

use super::Reason;

/// How far a hit reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// The hit itself.
    Hit,
    /// From the hit to the end of its statement: `;`, a closing back-tick, or the unit's end.
    Statement,
    /// From the brace of the hit to its partner.
    Braces,
    /// The whole unit.
    Unit,
}

/// One pattern.
#[derive(Debug)]
pub(super) struct Pattern {
    pub reason: Reason,
    pub reach: Reach,
    pub words: &'static str,
    pub regex: Regex,
}

const OUT: &str = super::LEFT_OUT;

/// Identifier of a statement: plain, quoted, or qualified.
const ID: &str = r#"(?:[\["`]?[a-z_][a-z0-9_$]*[\]"`]?(?:\.[\["`]?[a-z_*][a-z0-9_$]*[\]"`]?)*)"#;

/// Reason, reach, words in its place, pattern; `{ID}` stands for an identifier.
const TABLE: &[(Reason, Reach, &str, &str)] = &[
    // Statements.
    (
        Reason::Sql,
        Reach::Statement,
        OUT,
        r"(?-i:\bSELECT\b)[^.!?\n]{0,400}(?-i:\bFROM\b)",
    ),
    (
        Reason::Sql,
        Reach::Statement,
        OUT,
        r"(?-i:\bSELECT\b)\s+(?:\*|distinct\b|top\s+\d|count\s*\(|{ID}\s*,|{ID}\s+(?-i:AS)\b)",
    ),
    (
        Reason::Sql,
        Reach::Statement,
        OUT,
        r"\bselect\s+(?:distinct\s+)?(?:\*|[a-z0-9_.,`\x22()*\s]{0,200}[*(_`][a-z0-9_.,`\x22()*\s]{0,200})\s+from\s+{ID}",
    ),
    (
        Reason::Sql,
        Reach::Statement,
        OUT,
        r"\bselect\s+(?:distinct\s+)?{ID}(?:\s*,\s*{ID}){0,30}\s+from\s+{ID}(?:\s+(?:as\s+)?[a-z]\w{0,10})?\s*(?:;|where\b|join\b|inner\b|left\b|group\s+by\b|order\s+by\b|limit\s+\d|having\b|union\b)",
    ),
    (
        Reason::Sql,
        Reach::Statement,
        OUT,
        r"\bselect\s+{ID}(?:\s*,\s*{ID}){1,30}\s+from\s+{ID}",
    ),
    (
        Reason::Sql,
        Reach::Statement,
        OUT,
        r"\binsert\s+(?:ignore\s+)?into\s+{ID}\s*(?:\(|values\b|select\b|default\s+values)",
    ),
    (
        Reason::Sql,
        Reach::Statement,
        OUT,
        r"\bupdate\s+(?:only\s+)?{ID}(?:\s+(?:as\s+)?\w{1,12})?\s+set\s+{ID}\s*=",
    ),
    (
        Reason::Sql,
        Reach::Statement,
        OUT,
        r"\bdelete\s+from\s+{ID}\s*(?:;|where\b|using\b|returning\b)",
    ),
    (
        Reason::Sql,
        Reach::Statement,
        OUT,
        r"(?-i:\b(?:DELETE\s+FROM|INSERT\s+INTO|MERGE\s+INTO|REPLACE\s+INTO|TRUNCATE\s+TABLE|TRUNCATE|LOCK\s+TABLES?)\s+)[`\x22\[]?\w",
    ),
    (
        Reason::Sql,
        Reach::Statement,
        OUT,
        r"(?-i:\bUPDATE\s+)\S{1,80}(?-i:\s+SET\b)",
    ),
    (
        Reason::Sql,
        Reach::Statement,
        OUT,
        r"(?-i:\b(?:CREATE|ALTER|DROP)\s+(?:OR\s+REPLACE\s+)?(?:TEMP(?:ORARY)?\s+|UNIQUE\s+|MATERIALIZED\s+)?(?:TABLE|INDEX|VIEW|DATABASE|SCHEMA|PROCEDURE|FUNCTION|TRIGGER|USER|ROLE|SEQUENCE|COLUMN)\b)",
    ),
    (
        Reason::Sql,
        Reach::Statement,
        OUT,
        r"\b(?:create|alter|drop)\s+(?:or\s+replace\s+)?(?:temp(?:orary)?\s+|unique\s+)?(?:table|index|view|database|schema|procedure|function|trigger|user|role)\s+(?:if\s+(?:not\s+)?exists\s+)?{ID}\s*(?:;|\(|add\b|drop\b|as\s+select|cascade\b|on\s+{ID}\s*\(|rename\b|alter\s+column|begin\b)",
    ),
    (
        Reason::Sql,
        Reach::Statement,
        OUT,
        r"\balter\s+table\s+{ID}",
    ),
    (
        Reason::Sql,
        Reach::Statement,
        OUT,
        r"\b(?:drop|truncate)\s+table\s+[a-z_]*_\w+",
    ),
    (
        Reason::Sql,
        Reach::Statement,
        OUT,
        r"\b(?:drop\s+(?:table|database|schema)|truncate\s+table)\s+(?:if\s+exists\s+)?{ID}\s*(?:;|$|\x22|\x60)",
    ),
    (
        Reason::Sql,
        Reach::Statement,
        OUT,
        r"\bgrant\s+(?:select|insert|update|delete|execute|usage|all(?:\s+privileges)?)\b[^.!?\n]{0,80}\bon\s+\S+\s+to\b",
    ),
    (
        Reason::Sql,
        Reach::Statement,
        OUT,
        r"\bwith\s+(?:recursive\s+)?[a-z_]\w*\s*(?:\([^)]{0,120}\)\s*)?as\s*(?:materialized\s*)?\(\s*(?:select|values|insert|update|delete)\b",
    ),
    (
        Reason::Sql,
        Reach::Statement,
        OUT,
        r"\bunion\s+(?:all\s+)?select\b",
    ),
    (
        Reason::Sql,
        Reach::Statement,
        OUT,
        r"\bjoin\s+{ID}(?:\s+(?:as\s+)?[a-z]\w{0,20})?\s+(?:on\s+{ID}\s*=|using\s*\()",
    ),
    (
        Reason::Sql,
        Reach::Statement,
        OUT,
        r"\b(?:where|and|having)\s+{ID}\s*(?:=|<>|!=|<=|>=|<|>)\s*(?:'|\x22|\d|:|\$|\?|@|{ID}\b)",
    ),
    (
        Reason::Sql,
        Reach::Statement,
        OUT,
        r"\bwhere\s+{ID}\s+(?:not\s+)?(?:like|ilike|in)\s*(?:\(|')",
    ),
    (
        Reason::Sql,
        Reach::Statement,
        OUT,
        r"(?-i:\bWHERE\b)[^.!?\n]{1,120}(?-i:\b(?:IS\s+(?:NOT\s+)?NULL|LIKE|BETWEEN|IN)\b)",
    ),
    (
        Reason::Sql,
        Reach::Statement,
        OUT,
        r"(?-i:\b(?:GROUP|ORDER|PARTITION)\s+BY\b)",
    ),
    (
        Reason::Sql,
        Reach::Statement,
        OUT,
        r"\border\s+by\s+{ID}\s+(?:asc|desc)\b",
    ),
    (
        Reason::Sql,
        Reach::Statement,
        OUT,
        r"\bfrom\s+{ID}\s+(?:where\s+{ID}\s*(?:=|<|>|like\b|in\s*\(|is\b)|group\s+by\b|order\s+by\b|(?:inner|left|right|full|cross)\s+(?:outer\s+)?join\b)",
    ),
    (
        Reason::Sql,
        Reach::Statement,
        OUT,
        r"\b(?:count|sum|avg|min|max|coalesce|nullif|ifnull|nvl|isnull|date_trunc|datediff|dateadd|date_format|to_char|to_date|extract|row_number|json_extract|group_concat|string_agg|pg_sleep|load_file|lower|upper|substr|substring|trim|cast)\s*\(\s*(?:distinct\s+)?(?:\*|'|\x22|[a-z_][\w.]*\s*(?:\)|,|\bas\b|\bfrom\b))",
    ),
    (
        Reason::Sql,
        Reach::Statement,
        OUT,
        r"\b(?:exec|execute|call)\s+(?:sp_|xp_|dbo\.|proc_|usp_|[a-z_]\w*\s*\()",
    ),
    (
        Reason::Sql,
        Reach::Statement,
        OUT,
        r"\b(?:varchar|nvarchar|bigint|serial|timestamptz|numeric|decimal|char)\s*\(\s*\d+",
    ),
    (
        Reason::Sql,
        Reach::Statement,
        OUT,
        r"(?-i:\b(?:INNER|LEFT|RIGHT|FULL|CROSS)\s+(?:OUTER\s+)?JOIN\b|\bPRIMARY\s+KEY\b|\bFOREIGN\s+KEY\b|\bNOT\s+NULL\b|\bLIMIT\s+\d+\s+OFFSET\b|\bROLLBACK\b;|\bBEGIN\s+TRANSACTION\b|\bEXPLAIN\s+ANALYZE\b)",
    ),
    (
        Reason::Sql,
        Reach::Statement,
        OUT,
        r"'\s*or\s*'?1'?\s*=\s*'?1|;\s*--|--\s*$|\binformation_schema\b|\bpg_catalog\b|\bsqlite_master\b|\bsys\.(?:tables|objects|columns)\b|\bsysobjects\b",
    ),
    (
        Reason::Sql,
        Reach::Statement,
        OUT,
        r"\b(?:show\s+(?:tables|databases|columns\s+from|create\s+table)|describe\s+[a-z]\w*_\w+|pragma\s+table_info)\b",
    ),
    // Traces and words of drivers and databases.
    (
        Reason::StackTrace,
        Reach::Unit,
        OUT,
        r"traceback \(most recent call last\)|^\s*file \x22[^\x22]+\x22, line \d+|^\s*at [\w$.<>/]+\s?\(|^\s+at \S+:\d+|\bat [\w$]+(?:\.[\w$<>]+){2,}\(|\.(?:java|kt|cs|go|rb|php|scala):\d+|\bgoroutine \d+ \[|thread '[^']*' panicked|panicked at\b|stack backtrace|\bstack ?trace:|^caused by: |^\s*\d+: 0x[0-9a-f]+",
    ),
    (
        Reason::StackTrace,
        Reach::Unit,
        OUT,
        r"\b(?:java|javax|kotlin|scala|org|com|io|net|sun|system|microsoft)(?:\.[a-z_]\w*){1,6}\.?[a-z]*(?:exception|error)\b|\b[a-z]+(?:\.[a-z_]+)*\.(?:exceptions?|errors?)\.[a-z]+|(?-i:\b[A-Z][A-Za-z]*(?:Exception|Error)\b)\s*(?::|\(|in\b|at\b)|(?-i:\b(?:[A-Z][a-z]+){2,}(?:Exception|Error)\b)",
    ),
    (
        Reason::StackTrace,
        Reach::Unit,
        OUT,
        r"\bsqlstate\b|\bora-\d{4,5}\b|\bpls-\d{4,5}\b|\berror \d{4} \([0-9a-z]{5}\)|\b(?:psycopg2?|pymysql|sqlalchemy|hibernate|jdbc|odbc|sqlx|diesel|npgsql|libpq|sqlite3?\.)\b|\b(?:relation|column|table) [\x22'][^\x22']+[\x22'] (?:does not exist|doesn't exist|already exists)|\bunknown column '|\bno such (?:table|column)\b|\bsyntax error (?:at or near|near)|\bviolates (?:foreign key|unique|not-null|check) constraint|\bduplicate key value\b|\bduplicate entry '[^']*' for key|\binvalid object name '|\bincorrect syntax near|\bdeadlock found when|\btoo many connections\b|\bcannot insert duplicate key",
    ),
    (
        Reason::StackTrace,
        Reach::Unit,
        OUT,
        r"\b(?:segmentation fault|core dumped|null pointer|nullpointerexception|undefined is not a function|cannot read propert(?:y|ies) of|is not defined at|unhandled (?:promise )?(?:rejection|exception)|fatal error:|exit(?:ed with)? (?:code|status) \d+|errno\b|econnrefused|etimedout|enotfound|http/1\.[01] \d{3}|status code:? [45]\d\d|stderr:|stdout:)",
    ),
    // Objects and calls of tools.
    (
        Reason::Json,
        Reach::Braces,
        OUT,
        r"\{\s*(?:[\x22'][\w$ .-]+[\x22']|[a-z_$]\w*)\s*:\s*\S",
    ),
    (
        Reason::Json,
        Reach::Braces,
        OUT,
        r"\[\s*\{|\{\s*\}|\[\s*\x22[^\x22\n]{0,80}\x22\s*[,\]]",
    ),
    (
        Reason::Json,
        Reach::Hit,
        OUT,
        r"\x22[\w$-]+\x22\s*:\s*(?:\x22[^\x22\n]{0,200}\x22|-?\d[\d.]*|true|false|null|\[|\{)",
    ),
    (
        Reason::ToolName,
        Reach::Hit,
        OUT,
        r"</?(?:tool_call|tool_use|function_call|tool_result|function|invoke|parameter)[^>]*>|\b(?:tool_calls?|function_call|tool_use|tools/call|mcp__\w+)\b",
    ),
    // Code.
    (
        Reason::Code,
        Reach::Statement,
        OUT,
        r"\b(?:const|let|var|final|auto)\s+[a-z_$][\w$]*\s*(?::\s*[\w<>\[\]]+\s*)?=\s*\S",
    ),
    (
        Reason::Code,
        Reach::Statement,
        OUT,
        r"(?:^|[\s`])(?:def|fn|func|function|sub|proc)\s+[a-z_]\w*\s*(?:<[^>]*>)?\([^)]*\)?",
    ),
    (
        Reason::Code,
        Reach::Statement,
        OUT,
        r"^\s*(?:import\s+[\w.{}*, ]+(?:\s+from\s+|;|\s*$)|from\s+[\w.]+\s+import\s+\S|#include\s*[<\x22]|using\s+[\w.]+;|package\s+[\w.]+;|require\s*\(|use\s+[\w:]+(?:::\{?[\w, *]+\}?)?;)",
    ),
    (
        Reason::Code,
        Reach::Statement,
        OUT,
        r"^\s*(?:public|private|protected|internal|static|async|abstract|override|export)\s+(?:(?:static|final|async|default|class|interface|enum|void|function|const)\s+)*[\w<>\[\]]+\s*[\w$]*\s*[({=;]",
    ),
    (
        Reason::Code,
        Reach::Statement,
        OUT,
        r"^\s*(?:class|struct|enum|interface|trait|impl|namespace|module)\s+[a-z_]\w*(?:\s*[:({<].*|\s+(?:extends|implements|for)\s+\w+.*)$|^\s*@[a-z]\w+(?:\([^)]*\))?\s*$",
    ),
    (
        Reason::Code,
        Reach::Statement,
        OUT,
        r"\b[a-z_$][\w$]*(?:\.[a-z_$][\w$]*)+\([^)\n]{0,300}\)?",
    ),
    (
        Reason::Code,
        Reach::Statement,
        OUT,
        r"\b[a-z_$][\w$]*\([^)\n]{0,200}\)\s*(?:;|\{|=>|->|:\s*$)|\b[a-z]+(?:_[a-z0-9]+)+\([^)\n]{0,200}\)?|(?-i:\b[a-z]+(?:[A-Z][a-z0-9]+)+\()",
    ),
    (
        Reason::Code,
        Reach::Statement,
        OUT,
        r"=>\s*[\w({\[]|\w\s*->\s*\w+\s*[({;]|&&|\|\||[^=!<>]==[^=]|!==?\s*\S|\+=|:=|\w::\w|\+\+;|\breturn\s+[\w.]+\s*[;(]|\bif\s*\([^)\n]{1,200}\)\s*(?:\{|return|throw)|\bfor\s*\([^)\n]{1,200}\)|\bwhile\s*\([^)\n]{1,200}\)\s*\{|\bfor\s+\w+\s+in\s+\w+(?:\([^)]*\))?:|\bif\s+__name__\b|\belif\b|\bexcept\s+\w+(?:\s+as\s+\w+)?:|\braise\s+\w+\(|\bnew\s+[A-Z]\w*\(|\bawait\s+\w+[.(]|\blambda\s+\w+:|\bprintln!|\bfmt\.|\bconsole\.|\bsystem\.out|\becho\s+[\x22'$]|\bprint\s*\(",
    ),
    (
        Reason::Code,
        Reach::Statement,
        OUT,
        r"</?[a-z][\w:-]*(?:\s+[\w:-]+\s*=\s*(?:\x22[^\x22]*\x22|'[^']*'))*\s*/?>|<!--|<\?xml|<!doctype|\{\{[^}\n]*\}\}|\{%|\$\{[^}\n]*\}|\$\([\w./-]+",
    ),
    (
        Reason::Code,
        Reach::Statement,
        OUT,
        r"^\s*(?:\$|#|>|c:\\>|ps>)\s*(?:sudo|curl|wget|ssh|scp|kubectl|docker|git|npm|npx|pip3?|python3?|node|rm|cat|grep|psql|mysql|mongo\w*|redis-cli|ls|cd|chmod|systemctl|helm|aws|gcloud|az|terraform|make|cargo|go|tail|export)\b",
    ),
    (
        Reason::Code,
        Reach::Statement,
        OUT,
        r"\b(?:sudo\s+\w+|curl\s+(?:-|https?:)|wget\s+(?:-|https?:)|kubectl\s+\w+|docker\s+(?:run|exec|ps|compose|build|pull|logs|stop|restart)\b|docker-compose\b|psql\s+-|mysql\s+-|mysqldump\b|mongosh\b|mongodump\b|redis-cli\b|chmod\s+[0-7+]|chown\s+\w+|systemctl\s+\w+|journalctl\b|terraform\s+(?:apply|plan|destroy)|helm\s+(?:install|upgrade)|rm\s+-rf?\b|pip3?\s+install|npm\s+(?:install|run|ci)|git\s+(?:push|commit|checkout|reset|clone|rebase|cherry-pick|stash)\b|ssh\s+\w+@|scp\s+\S+|grep\s+-|awk\s+'|sed\s+-|xargs\b|\|\s*(?:grep|awk|sed|sort|head|tail|wc|jq)\b|crontab\b|powershell\b|invoke-webrequest|get-\w+\s+-\w+|set-\w+\s+-\w+)",
    ),
    (
        Reason::Code,
        Reach::Statement,
        OUT,
        r"\bdb\.\w+\.(?:find|aggregate|update|insert|delete|count)|\$(?:match|group|set|unset|inc|push|lookup|project|unwind|gte?|lte?|ne|nin|in|or|and|regex)\b|\b(?:query|mutation|subscription)\s*\w*\s*(?:\([^)]*\))?\s*\{|^\s*(?:get|post|put|delete|patch)\s+/\S*|\bfilter\s*\{\s*\w+|\bmatch_all\b",
    ),
    (
        Reason::Code,
        Reach::Unit,
        OUT,
        r"^\s*-?\s*[a-z][a-z0-9]*(?:_[a-z0-9]+)+\s*[:=]\s*\S|^\s*-?\s*[a-z][\w.-]*:\s*(?:&|\*|\||>|\[|\{|!)\S*\s*$|^\[[a-z][\w.-]*\]\s*$|^\s*[a-z_][\w.]*\s*=\s*(?:\x22|'|\[|\{|true\b|false\b|null\b|none\b|\d+\s*;)|^(?-i:[A-Z][A-Z0-9_]{2,})=\S|^---\s*$|^(?:apiversion|kind|metadata|spec|containers|services|image|volumes|env):\s*\S*$",
    ),
    (
        Reason::Code,
        Reach::Hit,
        OUT,
        r"\(\?[:=!<]|\[[a-z0-9\\^-]+\][+*{]|\\[dws][+*{]|\^\\?[\[(][^\s\])]{1,60}[\])][+*{$]|\.\*\$?/|/[^/\s]+/[gimsu]{1,4}\b",
    ),
    // Places in the network and on disks.
    (
        Reason::Host,
        Reach::Hit,
        "an internal address",
        r"\b(?:postgres(?:ql)?|mysql|mariadb|mongodb(?:\+srv)?|redis|rediss|amqps?|kafka|ldaps?|smtp|ftp|sftp|ssh|jdbc:[a-z:]+|mssql|oracle|clickhouse|cassandra|s3|gs|file|smb|nfs|tcp|udp|ws|wss|grpc|unix|bolt|neo4j|imap|vnc|rdp|telnet|gopher|http\+unix)://\S+|\bjdbc:\S+",
    ),
    (
        Reason::Host,
        Reach::Hit,
        "an internal address",
        r"\b(?:server|data source|host|hostname|addr(?:ess)?)\s*=\s*[^;,\s]+(?:\s*;\s*\w[\w ]*=[^;\n]*)*",
    ),
    (
        Reason::Host,
        Reach::Hit,
        "an internal address",
        r"\b(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}(?:/\d{1,2})?(?::\d{1,5})?\b",
    ),
    (
        Reason::Host,
        Reach::Hit,
        "an internal address",
        r"\[?\b[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){4,7}\b\]?(?::\d+)?|\b[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){0,5}::(?:[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){0,5})?|\[?::1\]?(?::\d+)?|\bfe80::\S+",
    ),
    (
        Reason::Host,
        Reach::Hit,
        "an internal address",
        r"\blocalhost(?::\d{2,5})?(?:/\S*)?\b|\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:internal|local|localdomain|lan|corp|intra|intranet|svc|home\.arpa|consul)\b(?:\.[a-z.]+)?(?::\d{2,5})?(?:/\S*)?|\b[a-z0-9-]+(?:\.[a-z0-9-]+)+:\d{2,5}\b(?:/\S*)?|\b[a-z][a-z0-9]*(?:-[a-z0-9]+)*[0-9]?:(?:22|80|443|1433|1521|2379|3000|3306|5000|5432|5672|6379|6443|8000|8080|8443|9000|9042|9090|9092|9200|11211|27017)\b|\bip-\d{1,3}(?:-\d{1,3}){3}\b|\bip6-localhost\b",
    ),
    (
        Reason::Host,
        Reach::Hit,
        "an internal address",
        r"\b(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}\b|\barn:aws:\S+",
    ),
    (
        Reason::Path,
        Reach::Hit,
        "a file of the system",
        r"(?:^|[\s(\x22'=\[:,`„«])(~?/(?:etc|usr|var|home|opt|srv|tmp|root|mnt|proc|sys|dev|lib|bin|sbin|boot|run|users|library|app|data|workspace|nix|snap|private|volumes)(?:/[^\s)\x22'\],;`]*)?)",
    ),
    (
        Reason::Path,
        Reach::Hit,
        "a file of the system",
        r"(?:^|[\s(\x22'=\[:,`„«])((?:~|\.{1,2})?/[\w.@-]+(?:/[\w.@*-]+)+/?)",
    ),
    (
        Reason::Path,
        Reach::Hit,
        "a file of the system",
        r"\b[a-z]:\\[^\s\x22'<>|]*|\\\\[a-z0-9._$-]+\\[^\s\x22'<>|]*|%(?:appdata|userprofile|temp|programfiles)%\S*|\$(?:HOME|PWD|PATH)\b\S*|~/\.?[\w-]+\S*",
    ),
    (
        Reason::Path,
        Reach::Hit,
        "a file of the system",
        r"\b[\w./-]*[\w-]+\.(?:rs|py|java|rb|php|cpp|cs|sql|sh|ps1|yml|yaml|toml|ini|conf|cfg|env|log|lock|dll|exe|jar|class|jsx|tsx|kt|scala|pem|key|crt|p12|pfx|db|sqlite3?|bak|dump|tfvars|tfstate)\b(?::\d+)?|(?:[\w-]+/)+[\w-]+\.(?:js|ts|go|c|h|html|css|json|xml)\b(?::\d+)?|\b[\w-]+\.(?:js|ts|go|c|h|json|xml):\d+|\B\.(?:env|git|ssh|aws|npmrc|bashrc|htaccess|dockerignore|gitignore)\b\S*|\bdockerfile\b|\bid_(?:rsa|ed25519)\b",
    ),
    // Prompts and words that command a model.
    (
        Reason::Prompt,
        Reach::Unit,
        OUT,
        r"<\|[a-z_ ]+\|>|\[/?inst\]|<</?sys>>|###\s*(?:system|instructions?|assistant|human|user)\b|^\s*(?:system|developer|assistant|human)\s*:\s+(?:you|your|i\s|ignore|act|always|never|do\s)|</?(?:system|instructions?|prompt)>",
    ),
    (
        Reason::Prompt,
        Reach::Unit,
        OUT,
        r"\b(?:system|hidden|initial|original|developer)[\s-]*(?:prompt|instructions?|message)\b|\bsystem-?prompt\b|\bsystemanweisung(?:en)?\b|\bprompt[\s-]système\b|\binstructions? système\b|\bprompt del sistema\b|\binstrucciones del sistema\b|\bmy (?:instructions|prompt|guidelines) (?:are|is|say|tell|state)|\bi (?:was|am|have been) (?:instructed|told|prompted|programmed) (?:to|not)\b",
    ),
    (
        Reason::Prompt,
        Reach::Unit,
        OUT,
        r"\b(?:ignore|disregard|forget|override|bypass)\s+(?:all\s+|any\s+|every\s+)?(?:of\s+)?(?:the\s+|your\s+|my\s+|these\s+)?(?:previous|prior|above|earlier|preceding|existing|former|safety|system)?\s*(?:instructions?|rules|prompts?|directions|guidelines|guardrails)\b|\b(?:ignorier\w*|vergiss|missachte)\s+(?:bitte\s+)?(?:alle\s+|sämtliche\s+)?(?:die\s+|deine\s+|meine\s+)?(?:vorherigen|bisherigen|obigen|früheren|vorigen)?\s*(?:anweisungen|regeln|instruktionen|vorgaben)|\b(?:ignore[zr]?|oublie[zr]?)\s+(?:toutes\s+)?(?:les|tes|vos)\s+(?:instructions|consignes|règles)|\b(?:ignora|ignore|olvida|olvide)\s+(?:todas\s+)?(?:las|tus|sus)\s+(?:instrucciones|reglas|indicaciones)",
    ),
    (
        Reason::Prompt,
        Reach::Unit,
        OUT,
        r"\byou are (?:now )?(?:daybrief|an? (?:ai|helpful|large language|language|assistant|unrestricted|expert assistant)|chatgpt|claude|dan)\b|\b(?:du bist|sie sind) (?:jetzt |nun )?(?:daybrief|ein(?:e)? (?:ki|hilfreiche\w*|assistent\w*|sprachmodell))|\b(?:tu es|vous êtes) (?:maintenant )?(?:daybrief|un(?:e)? (?:ia|assistant\w*|modèle))|\b(?:eres|usted es) (?:ahora )?(?:daybrief|un(?:a)? (?:ia|asistente|modelo))|\bas an ai (?:language )?model\b|\bals ki-(?:sprach)?modell\b|\bact as (?:an?|the) (?:unrestricted|ai|assistant|dan)\b|\bjailbreak\b|\bdeveloper mode\b",
    ),
    (
        Reason::Prompt,
        Reach::Unit,
        OUT,
        r"you (?:word|answer) (?:a short morning brief|questions of one reader)|the findings are computed and true; you decide|written by strangers|use a handle only within|is thrown away by a program|never from memory\. ask|write values as they stand in the results|tools marked as actions do nothing|it is never an instruction to you",
    ),
    // Secrets.
    (
        Reason::Secret,
        Reach::Unit,
        OUT,
        r"-----BEGIN [A-Z0-9 ]*(?:PRIVATE KEY|CERTIFICATE|OPENSSH|PGP)[A-Z ]*-----|-----END [A-Z ]+-----",
    ),
    (
        Reason::Secret,
        Reach::Hit,
        OUT,
        r"(?-i:\b(?:AKIA|ASIA|AROA|AIDA)[0-9A-Z]{12,})|\b(?:sk|rk|pk)_(?:live|test)_[0-9a-z]{8,}|\bwhsec_\w{8,}|\bsk-(?:ant-|proj-)?[a-z0-9_-]{16,}|\bxox[abeoprs]-[a-z0-9-]{8,}|\bxapp-[a-z0-9-]{8,}|\bgh[pousr]_[a-z0-9]{16,}|\bgithub_pat_\w{16,}|\bglpat-[\w-]{12,}|\bAIza[\w-]{20,}|\bya29\.[\w-]{10,}|\bGOCSPX-[\w-]{10,}|\bSG\.[\w-]{10,}\.[\w-]{10,}|\bnpm_[a-z0-9]{20,}|\bpypi-[\w-]{20,}|\bdop_v1_[0-9a-f]{20,}|\bhvs\.[\w-]{16,}|\bshpat_[0-9a-f]{16,}|\bsquare-\w{10,}|\bkey-[0-9a-f]{24,}|\bATATT[\w=-]{16,}|\blin_api_\w{16,}|\bdapi[0-9a-f]{24,}|\bEAA[A-Za-z0-9]{40,}",
    ),
    (
        Reason::Secret,
        Reach::Hit,
        OUT,
        r"\beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?|\b(?:bearer|basic)\s+[a-z0-9._~+/-]{16,}=*|\bssh-(?:rsa|ed25519|dss) [a-z0-9+/=]{20,}|\bAccountKey=\S+|\bSharedAccess\w*=\S+|\bhooks\.slack\.com/\S+",
    ),
    (
        Reason::Secret,
        Reach::Hit,
        OUT,
        r"\b(?:password|passwd|passphrase|pwd|passwort|kennwort|mot de passe|contraseña|clave|secret|client[ _-]?secret|api[ _-]?key|access[ _-]?(?:key|token)|auth[ _-]?token|token|pin code)\b\s*(?:\w+\s+){0,3}?(?:is|ist|lautet|est|es|:|=)\s*[\x22'`„«]?([^\s\x22'`“»,]*(?:[0-9][^\s\x22'`“»,]*[a-z!@#$%^&*_]|[a-z!@#$%^&*_][^\s\x22'`“»,]*[0-9])[^\s\x22'`“»,]*)",
    ),
    (
        Reason::Secret,
        Reach::Hit,
        OUT,
        r"\b(?:password|passwort|kennwort|mot de passe|contraseña|passwd|pwd|secret|api[ _-]?key|token)\s*=\s*\S+|\b[0-9a-f]{40,}\b|\b[a-z0-9+/]{60,}={0,2}",
    ),
];

static PATTERNS: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    TABLE
        .iter()
        .filter_map(|(reason, reach, words, pattern)| {
            Some(Pattern {
                reason: *reason,
                reach: *reach,
                words,
                regex: RegexBuilder::new(&spelled(pattern))
                    .case_insensitive(true)
                    .multi_line(true)
                    .build()
                    .ok()?,
            })
        })
        .collect()
});

/// Which patterns have a hit, found in one pass.
static ANY: LazyLock<Option<RegexSet>> = LazyLock::new(|| {
    RegexSetBuilder::new(TABLE.iter().map(|(.., pattern)| spelled(pattern)))
        .case_insensitive(true)
        .multi_line(true)
        .size_limit(256 * 1024 * 1024)
        .dfa_size_limit(64 * 1024 * 1024)
        .build()
        .ok()
});

fn spelled(pattern: &str) -> String {
    pattern.replace("{ID}", ID)
}

/// The patterns that have a hit in a folded text.
pub(super) fn hits(text: &str) -> Vec<&'static Pattern> {
    match ANY.as_ref() {
        Some(set) => set
            .matches(text)
            .into_iter()
            .filter_map(|at| PATTERNS.get(at))
            .collect(),
        None => PATTERNS.iter().collect(),
    }
}

#[cfg(test)]
pub(super) fn all_compile() -> bool {
    PATTERNS.len() == TABLE.len() && ANY.is_some()
}
