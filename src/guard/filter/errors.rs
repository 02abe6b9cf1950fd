//! Stack traces and the error texts of databases, drivers and runtimes.

use std::{ops::Range, sync::LazyLock};

use super::{
    Reason,
    fold::Folded,
    pattern::{Patterns, compile},
    spans::{Spans, With},
};

/// Lines of a stack trace: each goes as a whole.
static TRACES: LazyLock<Patterns> = LazyLock::new(|| {
    compile(&[
        r"traceback \(most recent call last\)|during handling of the above exception|the above exception was the direct cause",
        r"^\s*file \x22[^\x22\n]*\x22, line \d+|\bfile \x22[^\x22\n]+\x22, line \d+",
        r"^\s*at\s+[\w.$<>/]+\s*\([^)\n]*(?::\d+|native method|unknown source|<anonymous>)[^)\n]*\)",
        r"\bat\s+(?:async\s+)?(?:[\w.$<>\[\] ]+\s+)?\(?(?:/|[a-z]:\\|node:|file:|webpack:|https?:)[^\s)]*:\d+(?::\d+)?\)?",
        r"\bat\s+[a-z_$][\w$]*(?:\.[\w$<>]+)+\([^)\n]*\)",
        r"\bgoroutine \d+ \[[a-z ,0-9]+\]|\bpanic: |\bpanicked at\b|\bthread '[^']*' panicked",
        r"^\s*\d+:\s+0x[0-9a-f]{6,}\b|\b0x[0-9a-f]{8,16}\b",
        r"^\s*caused by:\s*\S|\bcaused by: [\w.]+(?:exception|error)",
        r"^\s*\.{3} \d+ (?:more|common frames)|^\s*from [\w./-]+:\d+:in\b|^\s*#\d+\s+(?:0x|/|\S+\(\d+\):)",
        r"\b[\w-]+\.(?:py|rs|jsx?|tsx?|java|go|rb|php|cs|cpp|c|kt|scala|swift|ex|mjs):\d+(?::\d+)?\b",
        r"\bstack ?trace:|\bcall stack:|\bbacktrace:",
        r"\bexception in thread\b|\bunhandled (?:promise )?(?:rejection|exception)\b|\bunhandledpromiserejection\w*",
        r"\bin <module>|\bin \w+\(\) at line \d+|\bat line \d+ column \d+\b",
    ])
});

/// Texts of errors: each goes from the text to the end of its sentence.
static TEXTS: LazyLock<Patterns> = LazyLock::new(|| {
    compile(&[
        r"\b(?:mch|cpd|rnx|rnq)\d{4}\b|\b(?:completion|abend)\s+code\s*[=:]?\s*[su]?\w{3,4}\b|\breason\s+code\s*=\s*\w+|\b(?:n?varchar2?|bigint|tinyint|smallint|nchar|datetime2|uniqueidentifier)\b|\b(?:amq|dsn[a-z]?|ief|iec|dfh[a-z]*|cwb|sqlz?)\d{3,5}[eiwsf]\b|\bmqrc_\w+|\baadsts\d{4,}\b|\bsql\d{4,5}[nwc]\b|\bora-\d{4,5}\b|\btns-\d{5}\b|\bpls-\d{5}\b|\bsqlstate\b|\bsql error\b|\bsqlcode\b|\bdb2 sql\b|\bsql compilation error\b|\bdoes not exist or (?:is )?not authorized\b",
        r"\berror\s*:?\s*\(?\d{4}\s*\(\w{5}\)|\bmsg \d+, level \d+|\berrno\b|\berror code:?\s*\d+\b|\b(?:exit|status) code:?\s+\d+",
        r"\b(?:you have an error in your sql|syntax error (?:at|near|in|or)|(?:sql|parse) (?:syntax )?error|unterminated (?:quoted )?string|unclosed quotation mark|incorrect syntax near|unexpected token|invalid syntax)\b",
        r"\b(?:relation|table|column|function|schema|database|role|type|index|constraint|view|operator|user)\s+['\x22`]?[\w.()]+['\x22`]?\s+(?:does not exist|doesn't exist|already exists|is ambiguous|not found in)\b",
        r"\b(?:unknown column|unknown table|unknown database|no such (?:table|column|file or directory|host|index|function|collection)|invalid (?:column|object) name|undefined (?:table|column|function|variable|index|method))\b",
        r"\bduplicate (?:key value\b|entry\s+(?:['\x22\x60]|for key\b)|column name\b)|\bviolates (?:foreign key|unique|check|not-null|not null|exclusion)\b|\b(?:unique|foreign key|check|not null) constraint (?:failed|violat)",
        r"\bdeadlock (?:found|detected|victim)|\block wait timeout|\btoo many connections\b|\bcould not (?:connect to server|serialize access|obtain lock)|\bserver closed the connection|\bterminating connection\b|\bcanceling statement\b|\bstatement timeout\b|\bremaining connection slots\b|\bmysql server has gone away\b|\blost connection to mysql\b",
        r"\bconnection (?:refused|reset by peer|timed out)\b|\b(?:econn(?:refused|reset|aborted)|etimedout|enotfound|ehostunreach|epipe|eacces|enoent|eaddrinuse)\b|\bsocket hang up\b|\bdial tcp\b|\bgetaddrinfo\b|\bno route to host\b|\bname or service not known\b|\btemporary failure in name resolution\b|\bbroken pipe\b|\bi/o timeout\b|\bcontext deadline exceeded\b",
        r"\b(?:psycopg2?|sqlalchemy|pymysql|mysqldb|asyncpg|pymongo|sqlite3?|cx_oracle|pyodbc|sqlx|diesel|hikari(?:pool)?|activerecord|sequelize|knex|prisma|typeorm|django\.db|mysql\.connector|node_modules)(?:[.:\[/]|-\d| error| exception)",
        r"\b(?:com\.mysql|java\.(?:lang|sql|util|net|io)|javax|org\.(?:postgresql|hibernate|springframework|apache)|system\.(?:data|net|io|web|threading|linq|collections|invalid\w+|null\w+|argument\w+)|microsoft\.data|npgsql)\.[\w.$]+(?:\(\))?",
        r"\b(?:laufzeitfehler|run-?time\s+error|erreur\s+d'ex(?:e|\xc3\xa9)cution|error\s+en\s+tiempo\s+de\s+ejecuci(?:o|\xc3\xb3)n)\s+'?-?\d+|\b(?:remoteserver\s+hat\s+einen\s+fehler|remote\s+server\s+returned\s+an\s+error|serveur\s+distant\s+a\s+retourn(?:e|\xc3\xa9)\s+une\s+erreur|servidor\s+remoto\s+devolvi(?:o|\xc3\xb3)\s+un\s+error)\b|\bunexpectedly\s+found\s+nil\b|\b(?:misconf\s+redis|noauth\s+authentication|wrongtype\s+operation|crossslot\s+keys|oom\s+command)\b|\bupstream\s+connect\s+error\b|\breset\s+before\s+headers\b|\bno\s+healthy\s+upstream\b|\bsoap-env:\w+|\bsoap:(?:server|client|sender|receiver)\b|\bfault(?:string|code)\b|\berrorcode\s+\d+|\bobject reference not set to an instance\b|\bobjektverweis wurde nicht auf eine objektinstanz\b|\br(?:e|\xc3\xa9)f(?:e|\xc3\xa9)rence d'objet n'est pas d(?:e|\xc3\xa9)finie\b|\breferencia a objeto no establecida\b",
        r"\be11000\b|\bmongo(?:server|network|db|timeout|bulkwrite)?error\b|\bbson\w*error\b",
        r"\baccess denied for user\b|\bpassword authentication failed\b|\bno pg_hba\.conf\b|\blogin failed for user\b|\bauthentication failed for\b|\bpermission denied for (?:table|relation|schema|database|sequence|view|function)\b|\b(?:select|insert|update|delete) command denied\b",
        r"\b\d+/\d+ nodes? (?:are|is) available\b|\b(?:failedscheduling|failedmount|failedcreate\w*|errimagepull|imagepullbackoff|createcontainer\w*error|nodenotready|insufficient (?:memory|cpu) on node)\b",
        r"\bsegmentation fault\b|\bcore dumped\b|\bnull ?pointer ?(?:exception|dereference)\b|\bundefined is not\b|\bis not a function\b|\bis not defined\b|\bcannot read propert(?:y|ies)\b|\bhas no attribute\b|\bobject is not (?:callable|iterable|subscriptable)\b|\bout of memory\b.{0,20}\bkilled\b|\boom-?killed\b|\bheap out of memory\b|\bmaximum call stack\b|\bindex out of (?:range|bounds)\b|\bstack overflow at\b|\bborrow of moved value\b",
        r"\bundefined (?:local variable or )?method [\x60'][^\n]{0,60}?' for [^\s,;]+",
        // What browsers, phones, brokers, controllers and other systems say.
        r"\bblocked by cors policy\b|\baccess-control-allow-\w+|\bcross-origin request\b|\bunrecognized selector sent\b|\bterminating app due to\b|\bhas exceeded timeout, disconnecting\b|\bsocket error on client\b|\bmodbus exception\b|\billegal data (?:address|value)\b|\bbad_[a-z]+\b, quality code|\bquality code \d+\b|\bback-off restarting failed\b|\bfailed to pull image\b|\bliveness probe failed\b|\breadiness probe failed\b",
        r"\b(?:laufzeitfehler|runtime error|erreur d'ex(?:é|e)cution|error de ejecuci(?:ó|o)n)\s+[a-z]+(?:_[a-z]+)+\b|\b(?:programm?|programa|programme)\s+sapl\w+|\binclude\s+\w{6,},?\s+(?:zeile|line|ligne|l(?:í|i)nea)\s+\d+|\bidoc\b[^.\n]{0,40}\bstatus\s+\d{2}\b|\bsegment\s+e1\w+|\bcpf\d{4}\b|\bcodeunit\s+\d+\)|\bal-(?:aufrufliste|call\s?stack)\b",
        r"\b(?:meldung|mens\.?|mensaje|msg|message)\s+\d+,\s+(?:ebene|nivel|level|niveau)\s+\d+|\bung(?:ü|ue)ltiger\s+(?:spalten|objekt)name\b|\bnombre\s+de\s+(?:objeto|columna)\s+[^.\n]{1,60}\bno\s+es\s+v(?:á|a)lido\b|\bnom\s+(?:d'objet|de\s+colonne)\s+[^.\n]{1,60}\b(?:non\s+valide|n'est\s+pas\s+valide|incorrect)\b",
        r"\b[45]\d\d[ -][45]\.\d\.\d{1,3}\b|\bdoesn't exist on type\b|\bundefinedfield\b|\[(?:error|warn|crit|alert|emerg)\]\s+\d+#\d+|\bupstream prematurely closed\b|\bupstream timed out\b|\ban error occurred \(\w+\) when calling\b|\barn:aws:\w+|\bis not authorized to perform:|\b(?:trace|correlation|request|activity)[ -]id\s*:?\s*[0-9a-f]{8}[0-9a-f-]*",
        // What compilers say.
        r"\bcannot borrow [^\n]{1,60}? as (?:im)?mutable\b|\bdoes not live long enough\b|\bmismatched types\b|\bis not assignable to (?:type|parameter)\b|\bundeclared (?:identifier|variable|name)\b|\bunresolved (?:reference|import|external)\b|\bcannot find (?:symbol\b|(?:module|name|value|type|function) ['\x22\x60])|\bincompatible types: |\b(?:ts|cs)\d{4}: |\be0\d{3}: ",
        r"\bx509:|\bssl(?:v3)?[_ ](?:alert|error|routines|handshake)|\btls handshake (?:error|timeout|failed)|\bcertificate_verify_failed\b|\bcertificate verify failed\b|\bssl: \w",
        r"\b(?:http(?:/\d(?:\.\d)?)?|status(?:\s+code)?|response(?:\s+code)?|error)\s*:?\s*(?:code\s*)?[45]\d\d\s*(?::\s*)?(?:internal server error|bad gateway|service unavailable|unauthorized|forbidden|not found|bad request|gateway time-?out|too many requests|unprocessable|conflict)?\b|\b[45]\d\d (?:internal server error|bad gateway|service unavailable|gateway time-?out|unauthorized|bad request|client error|server error)\b",
        r"\b(?:warning|fatal error|parse error|notice|fatal): +(?:unable to|mysqli?_|pg_|uncaught|undefined|call to|include|password|role|database|remaining|cannot|could not|syntax|not a git|no pg)",
        r"\b(?:error|warning)\[[a-z]?\d{2,5}\]|\brpc error: code\b|\bgrpc\.\w+|\bjson-?rpc\b.{0,30}-32\d{3}|-32[067]\d\d\b|\bjson(?:decode)?error\b|\bkeyerror: |\bno module named\b|\bmodulenotfound\w*",
        r"\b(?:[a-z]*error|fehler(?:code)?|erreur)\s*:?\s*['\x22(#:]?\s*(?:[a-z]{0,3}[0-9a-f]{4,}|\d{3,})\b|\([0-9]{2}[a-z0-9]\d{2}\)|\((?:hy|im|08|22|23|28|40|42|57)[a-z0-9]{3}\)|\b(?:odbc|ole db|jdbc)\b(?:[^.\n]{0,40}\b(?:driver|provider|error|fehler|timeout))?|\bsyntaxfehler (?:in|bei|nahe)|\berreur de syntaxe\b|\berror de sintaxis\b",
        r"\b(?:erreur|fehler|error)\s*:\s*(?:la\s+relation|la\s+colonne|relation\b|spalte\b|tabelle\b|no\s+existe\s+la|la\s+columna)|\b(?:relation|colonne|table|fonction|spalte|tabelle|funktion|columna|tabla|relaci(?:o|\xc3\xb3)n)\s+(?:\xc2[\xab\xbb]|\xe2\x80\x9e|\x22|')[^\n.]{1,60}(?:n'existe\s+pas|existiert\s+nicht|no\s+existe)|\bno\s+existe\s+la\s+(?:relaci(?:o|\xc3\xb3)n|columna|tabla)\s+(?:\xc2\xab|\x22|')|\bsegfault\b",
        r"\bdyld: |\blibrary not loaded\b|\b[\w.]+\.(?:dylib|dll|so\.\d)\b|\bdatabase is locked\b|\bsqlite_(?:busy|locked|error|constraint|misuse|full)\b|\bexit(?:ed with)? (?:code|status) \d+|\boomkilled\b|\bcrashloopbackoff\b|\bimagepullbackoff\b|\bfatal exception\b|\bcore dump\b|\bos error \d{2,}\b|\berror \d{3,}\b|\bcould not resolve host\b|\bgraphql error\b|\bcannot query field\b|\buncaught \(in promise\)|\b[a-z]/[a-z]{4,}: |\berror: error \{",
        r"\b(?:com|org|net|io)\.[a-z]\w+\.[a-z]\w+(?:\.\w+)*|\b(?:[a-z]\.){2,}[a-z]\w{3,}|\b[a-z]\w*(?:\.[a-z]\w*)*\.[a-z]+(?:exception|error)\b",
        r"\bfailed to (?:execute|prepare|parse) (?:query|statement|sql)|\bquery failed: error\b|\berror (?:executing|running|in) (?:the )?(?:sql|query|statement)\b|\brow-?level security\b|\bdetail: +key \(|\bhint: +\w|\bline \d+: ",
    ])
});

/// Names of errors as runtimes write them; over the text with its case.
static CLASSES: LazyLock<Patterns> = LazyLock::new(|| {
    compile(&[
        r"\b(?:[a-z_]\w*\.)*(?:[A-Z][a-z0-9]+){1,8}(?:Error|Exception|Fault|Warning)\b(?::\s*\S)?|\b(?:[a-z_]\w*\.)+(?:[A-Z]\w*)(?:Error|Exception)\b",
        r"\b(?:[a-z_]\w*\.)*(?:exceptions?|errors?)\.[A-Z]\w+|\b[A-Z][a-z]+(?:[A-Z][a-z]+)*(?:Timeout|Refused|NotFound|Denied|Failure)\b\s?:\s",
        r"\bFATAL:\s+\S|\bERROR:\s+(?:relation|column|syntax|duplicate|permission|function|operator|invalid|null|canceling|deadlock|insert|update|division)\b|\bERROR\s+\d{4}\b|\b(?:ERROR|WARN|WARNING|FATAL|DEBUG|TRACE|INFO)\s+[a-z][\w.]*\.[\w.]+\s+-\s|\b(?:ERROR|WARN|FATAL|DEBUG|TRACE)\s+\[[^\]\n]+\]|\d{2}:\d{2}[.,:\d]*Z?\s+(?:ERROR|WARN|FATAL|DEBUG|TRACE|INFO)\b",
        r"\b[a-z_]\w*\.Invalid[A-Z]\w+|<class '[^'\n]+'>",
        r"\bABEND(?:ED)?\s+(?:CODE\s+)?[SU]?[0-9A-Z]{3,5}\b|\bIN\s+PROGRAM\s+[A-Z]\w+\s+AT\s+OFFSET\b",
        r"\bPANIC\b:|\bSIG(?:SEGV|KILL|TERM|ABRT)\b",
    ])
});

/// Is the text of an error in it?
pub fn are_in(folded: &Folded<'_>) -> bool {
    TEXTS.are_in(folded.lower.as_bytes()) || CLASSES.are_in(folded.plain.as_bytes())
}

pub fn find(folded: &Folded<'_>, spans: &mut Spans) {
    let lower = folded.lower.as_bytes();
    for found in TRACES.of(lower).flat_map(|(_, form)| form.find_iter(lower)) {
        let range = lines(lower, found.range());
        spans.add(folded, range, Reason::Error, With::Mark);
    }
    let plain = folded.plain.as_bytes();
    let classes = CLASSES
        .of(plain)
        .flat_map(|(_, form)| form.find_iter(plain));
    for found in TEXTS
        .of(lower)
        .flat_map(|(_, form)| form.find_iter(lower))
        .chain(classes)
    {
        let range = error_start(lower, found.start())..error_end(plain, found.end());
        spans.add(
            folded,
            range,
            Reason::Error,
            With::Words("a technical error".into()),
        );
    }
}

/// The lines that a place lies in, from the place's start where prose stands before it in its line.
fn lines(lower: &[u8], range: Range<usize>) -> Range<usize> {
    let end = lower
        .get(range.end..)
        .and_then(|rest| rest.iter().position(|&byte| byte == b'\n'))
        .map_or(lower.len(), |at| range.end + at);
    range.start..end
}

/// An error's text begins after the colon or the quote that stands before it in its sentence, as "ERROR:" and "error:" do.
fn error_start(lower: &[u8], start: usize) -> usize {
    const NEAR_BYTES: usize = 120;
    let from = start.saturating_sub(NEAR_BYTES);
    let before = lower.get(from..start).unwrap_or_default();
    let sentence = before
        .windows(2)
        .rposition(|pair| {
            matches!(pair, [b'.' | b'!' | b'?' | b'\n', next] if next.is_ascii_whitespace())
                || pair.first() == Some(&b'\n')
        })
        .map_or(0, |at| at + 1);
    let within = before.get(sentence..).unwrap_or_default();
    // The colon of a time is none.
    let is_time = |at: usize| {
        let digit = |at: Option<usize>| {
            at.and_then(|at| within.get(at))
                .is_some_and(u8::is_ascii_digit)
        };
        digit(at.checked_sub(1)) && digit(Some(at + 1))
    };
    within
        .iter()
        .enumerate()
        .position(|(at, byte)| matches!(byte, b'"' | b'`') || *byte == b':' && !is_time(at))
        .map_or(start, |at| from + sentence + at + 1)
}

/// The end of the sentence or of the line; dots inside names and quotes end nothing, and none after which a small letter
/// stands.
fn error_end(plain: &[u8], from: usize) -> usize {
    let rest = plain.get(from..).unwrap_or_default();
    let goes_on = |at: usize| match (rest.get(at + 2), rest.get(at + 3)) {
        // Small letters of Latin with their marks.
        (Some(0xc3), Some(second)) => *second >= 0x9f,
        (Some(next), _) => next.is_ascii_lowercase(),
        _ => false,
    };
    for (at, &byte) in rest.iter().enumerate() {
        let next = rest.get(at + 1).copied().unwrap_or(b'\n');
        match byte {
            b'\n' | b'`' => return from + at,
            b'.' | b'!' | b'?' if next == b'\n' || next == b'\r' => return from + at,
            b'.' | b'!' | b'?' if next.is_ascii_whitespace() && !goes_on(at) => return from + at,
            _ => {}
        }
    }
    plain.len()
}
