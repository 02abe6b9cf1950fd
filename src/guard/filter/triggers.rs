//! Words that call for a close look.

use std::sync::LazyLock;

use super::{prompts, scan::Bits};

/// Words after which a scanner must look, as whole words; at an end with `…` the word may go on.
const WORDS: [(Bits, &str); 6] = [
    (
        Bits::SQL,
        "select|insert|update|delete|create|alter|drop|truncate|grant|revoke|join|where|union|having|group by|order by|limit|\
         explain|pragma…|describe|show tables|show databases|show columns|show create|show full|merge into|exec…|\
         information_schema…|pg_…|sqlite_…|sys.…|match|is not null|varchar|jql|primary key|foreign key|not exists|values|\
         returning|offset|over (|over(|declare|lock tables|lock table|refresh|copy|upsert|case when|#standardsql|vacuum|\
         reindex|qualify|rollup|cube|seq scan|index scan|hash join|nested loop|hgetall|project in|after -|hmget|hget|hset|hdel|zrange…|\
         zrevrange|zadd|zcard|lrange|lpush|rpush|smembers|sadd|setex|mget|xadd|xrange|xread|expire|ft.search",
    ),
    (
        Bits::CODE,
        "import|def|defn|function|const|sudo|curl|wget|ssh|scp|kubectl|helm|docker…|git|npm|npx|yarn|pip|pip3|apt|apt-get|\
         brew|psql|mysql…|mongosh|mongo|redis-cli|chmod|chown|rm -…|systemctl|journalctl|cargo|python…|node|grep|awk|sed|\
         tail|cat|ls|cd|mkdir|tar|terraform|aws|gcloud|openssl|export|powershell|println…|console.…|#include|fn|func|lambda|\
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
         odbc|ole db|library not loaded|…killed|database is locked|exit code|sqlite_…|warn|fatal exception|permission denied|\
         syntax|caused by|status code|http|segfault|could not resolve|cannot borrow|live long enough|mismatched types|not assignable|undeclared|\
         unresolved|cannot find|incompatible types|ts2…|cs0…|e0…|0x…|existe|existiert nicht",
    ),
    (
        Bits::PROMPT,
        "ignore|ignoriere…|ignorez|ignora|ignorer|ignorar|disregard|forget|vergiss…|oubliez|oublie|olvida|override|prompt|\
         prompts|systemprompt…|system-prompt…|daybrief|assistant|you are|you're|du bist|tu es|eres|sie sind|vous êtes|\
         language model|sprachmodell|instructions|instruction|anweisung…|vorgabe…|richtlinie…|indicaciones|instrucciones|benutzer:|nutzer:|usuario:|usuaria:|\
         benutzer :|nutzer :|word for word|verbatim|# role|# persona|# rules|# instruction…|# task|# system|# rolle|# regeln|# rol|\
         # anweisungen|# rôle|# règles|# reglas|**user**|**human**|system:|developer|[inst|[/inst|<<sys|\
         ### …|jailbreak…|human:|user:|systemnachricht|systemmeldung|systemanweisung…|système|systeme|sistema|consigne…|\
         reglas|regeln|regel|règles|meines prompts|tu rédiges|utilisateur|du formulierst|rules|my rules|instructed|prompted|\
         programmed|guidelines|als ki…|as an ai|en tant|como modelo|never reveal|my instructions|my rules|do not reveal|i was given|i have been given|i was shown|i am configured|i am set up|i am designed|i am trained|told me|instructed me|\
         i was sent|never mention|do not mention|don't mention|never name|do not name|don't name|indications",
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
         -server…|-staging|staging-…|redis-…|mysql-…|postgres-…|mongo-…|kafka-…|ip-…|-prod-…|-db-…|vm-…|hostname|\
         docker-compose|dockerfile|makefile|id_rsa|id_ed25519|authorized_keys",
    ),
];

/// A word that was found calls for these scanners.
struct Trigger {
    word: Box<[u8]>,
    bits: Bits,
    /// Must a word begin and end with it?
    begins: bool,
    ends: bool,
}

/// All words, by their first two bytes. Of most pairs of bytes in a text no word begins with, or none with the third byte.
pub struct Triggers {
    /// For each pair of classes of bytes the classes of which the third byte may be, a bit for each.
    thirds: Box<[u64; PAIRS]>,
    /// For each pair of classes where its words are.
    places: Box<[(u16, u16); PAIRS]>,
    words: Vec<Trigger>,
}

/// Classes of bytes: letters without case and signs that words begin with, and one for all others.
const CLASSES: usize = 64;
const PAIRS: usize = CLASSES * CLASSES;

#[allow(clippy::indexing_slicing)] // A constant with a place past the end does not compile.
const CLASS: [u8; 256] = {
    let mut classes = [0_u8; 256];
    let mut byte = 0;
    while byte < 128 {
        classes[byte] = match byte as u8 {
            letter @ b'a'..=b'z' => letter - b'a' + 1,
            letter @ b'A'..=b'Z' => letter - b'A' + 1,
            digit @ b'0'..=b'9' => digit - b'0' + 27,
            b' ' => 37,
            b'_' => 38,
            b'-' => 39,
            b'#' => 40,
            b'.' => 41,
            b':' => 42,
            b'(' => 43,
            b'[' => 44,
            b'<' => 45,
            b'*' => 46,
            b'\'' => 47,
            b'/' => 48,
            _ => 0,
        };
        byte += 1;
    }
    classes
};

fn class(byte: u8) -> usize {
    CLASS
        .get(usize::from(byte))
        .copied()
        .unwrap_or_default()
        .into()
}

fn pair(first: u8, second: u8) -> usize {
    class(first) * CLASSES + class(second)
}

impl Triggers {
    fn new(mut words: Vec<Trigger>) -> Self {
        let pair_of = |trigger: &Trigger| match *trigger.word {
            [first, second, ..] => pair(first, second),
            _ => 0,
        };
        words.sort_by_key(pair_of);
        let mut thirds = Box::new([0_u64; PAIRS]);
        let mut places = Box::new([(0, 0); PAIRS]);
        for (at, trigger) in words.iter().enumerate() {
            let at = u16::try_from(at).unwrap_or(u16::MAX);
            let third = trigger
                .word
                .get(2)
                .map_or(u64::MAX, |&third| 1 << class(third));
            if let (Some(thirds), Some(place)) = (
                thirds.get_mut(pair_of(trigger)),
                places.get_mut(pair_of(trigger)),
            ) {
                *thirds |= third;
                *place = (if *place == (0, 0) { at } else { place.0 }, at + 1);
            }
        }
        Self {
            thirds,
            places,
            words,
        }
    }

    /// The scanners that the words in this text call for.
    pub fn bits(&self, text: &[u8]) -> Bits {
        let mut bits = Bits::default();
        let class_at = |at: usize| text.get(at).copied().map_or(0, class);
        let (mut before, mut here, mut next) = (0, class_at(0), class_at(1));
        for at in 0..text.len() {
            let after = class_at(at + 2);
            let thirds = self.thirds.get(here * CLASSES + next);
            if thirds.is_some_and(|thirds| thirds >> after & 1 == 1) {
                bits |= self.bits_at(text, at, before, bits);
            }
            (before, here, next) = (here, next, after);
        }
        bits
    }

    /// The scanners that words call for which begin here, those aside that are called for already.
    #[inline(never)]
    fn bits_at(&self, text: &[u8], at: usize, before: usize, known: Bits) -> Bits {
        let mut bits = Bits::default();
        let rest = text.get(at..).unwrap_or_default();
        let [first, second, ..] = rest else {
            return bits;
        };
        let open = is_letter(before) && is_letter(class(*first));
        let (from, to) = self
            .places
            .get(pair(*first, *second))
            .copied()
            .unwrap_or_default();
        for trigger in self.words.get(from.into()..to.into()).unwrap_or_default() {
            if known.any(trigger.bits) || trigger.begins && open {
                continue;
            }
            let length = trigger.word.len();
            let is_there = rest
                .get(..length)
                .is_some_and(|head| head.eq_ignore_ascii_case(&trigger.word));
            let goes_on = || {
                let last = trigger.word.last().copied().map_or(0, class);
                is_letter(last) && rest.get(length).is_some_and(|&next| is_letter(class(next)))
            };
            if is_there && !(trigger.ends && goes_on()) {
                bits |= trigger.bits;
            }
        }
        bits
    }
}

/// Is it the class of a letter or a digit?
fn is_letter(class: usize) -> bool {
    (1..=36).contains(&class)
}

pub static TRIGGERS: LazyLock<Triggers> = LazyLock::new(|| {
    let listed = WORDS.iter().flat_map(|(bits, words)| {
        words.split('|').map(|word| Trigger {
            word: word.trim_matches('…').as_bytes().into(),
            bits: *bits,
            begins: !word.starts_with('…'),
            ends: !word.ends_with('…'),
        })
    });
    let shipped = prompts::shipped().iter().map(|sentence| Trigger {
        word: sentence.as_bytes().into(),
        bits: Bits::PROMPT,
        begins: true,
        ends: false,
    });
    Triggers::new(listed.chain(shipped).collect())
});
