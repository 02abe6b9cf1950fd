//! SQL and its kin, whole or in pieces, in any case, in prose.

use std::{ops::Range, sync::LazyLock};

use super::pattern::{Patterns, compile};
use super::{
    Reason, extent,
    fold::Folded,
    names::Names,
    spans::{Spans, With},
};

/// Forms that are SQL wherever they stand.
static CERTAIN: LazyLock<Patterns> = LazyLock::new(|| {
    compile(&[
        r"\blateral\s+view\b|\bcross\s+apply\b|\bouter\s+apply\b",
        r"\bprefix\s+\w*:\s*(?:<|\[left)[^>\]\n]{0,120}[>\]](?:\s*\[left out\]|\s*select\b)?",
        r"\bfor\s+\w+\s+in\s+\w+\s+(?:filter|sort|collect|return)\s+\w+\.\w+",
        r"\bselect\s+(?:distinct\s+|all\s+|top\s*\(?\d+\)?\s+)?(?:IDENT\.)?\*\s*(?:,|from\b|into\b|;|$)",
        r"\bselect\s+(?:distinct\s+)?[^;]*?\b(?:count|sum|avg|min|max|coalesce|cast|round|date_trunc|extract|concat|lower|upper|length|nullif|json_\w+|array_agg|string_agg|group_concat|row_number|rank|now|date|year|month|substr(?:ing)?|ifnull|isnull|abs)\([^;]*?\bfrom\b",
        r"\bselect\s+distinct\s*\(\s*IDENT\s*\)\s*(?:,|from\b)",
        r"\bselect\s+(?:distinct\s+)?(?:IDENT|\d+)\s*(?:\(\s*[^;()]*\)\s*)?;",
        r"\bselect\s+(?:@@|\d+\s+from\b|pg_|version\(|current_user\b|sleep\(|benchmark\(|load_file\(|now\()",
        r"\b(?:insert|replace)\s+(?:ignore\s+|or\s+\w+\s+)?into\s+IDENT\s*(?:\([^)]*\)\s*)?(?:values\b|select\b|default\s+values|set\s+IDENT\s*=)",
        r"\binsert\s+into\s+IDENT\s*\([^)]*\)",
        r"\bupdate\s+(?:only\s+)?IDENT(?:\s+(?:as\s+)?IDENT)?\s+set\s+IDENT\s*=",
        r"\bdelete\s+from\s+IDENT(?:\s+(?:as\s+)?[a-z]\b)?\s+(?:where\s+IDENT\s*(?:[=<>!]|in\b|is\b|like\b|between\b)|using\b|returning\b)",
        r"\bdelete\s+from\s+IDENT(?:\s+where\s+(?:not\s+)?IDENT)?\s*;",
        r"\bcreate\s+(?:or\s+replace\s+)?(?:(?:global|local|temp|temporary|unique|unlogged|materialized|external)\s+)*(?:table|index|view|function|procedure|trigger|sequence|schema|database|type|user|role)\s+(?:concurrently\s+)?(?:if\s+not\s+exists\s+)?IDENT\s*(?:\(|as\s+(?:select|with|\$\$|\()|on\s+IDENT\s*[(]|;|with\s+password|identified\s+by|like\s+IDENT)",
        r"\bcreate\s+(?:unique\s+)?index\s+(?:concurrently\s+)?on\s+IDENT\s*\(|\bcreate\s+(?:table|index|view|schema|database)\s+if\s+not\s+exists\b",
        r"\bdrop\s+(?:table|database|view|index|schema|column|sequence|trigger|function|procedure|materialized\s+view|user|role)\s+(?:if\s+exists\s+IDENT|IDENT\s*(?:;|,\s*IDENT\s*;|cascade\b|restrict\b))",
        r"\balter\s+(?:table|database|schema|view|index|sequence|user|role)\s+(?:if\s+exists\s+|only\s+)?IDENT\s+(?:add|drop|rename|modify|alter|change|owner|set|enable|disable|with|rebuild|attach|detach)\b",
        r"\btruncate\s+table\s+IDENT",
        r"\btruncate\s+IDENT\s*(?:;|cascade\b|restart\b)",
        r"\bgrant\s+(?:all\s+(?:privileges\s+)?on\s+IDENT|(?:select|insert|update|delete|execute|usage|connect)\b\s*(?:,|on\b))[^.;]*\bto\b",
        r"\brevoke\s+(?:all\s+(?:privileges\s+)?on\b|(?:select|insert|update|delete|execute|usage|connect)\b\s*(?:,|on\b))[^.;]*\bfrom\b",
        r"\bwith\s+(?:recursive\s+)?IDENT\s*(?:\([^)]*\)\s*)?as\s*(?:not\s+)?(?:materialized\s*)?\(",
        r"\bmerge\s+into\s+IDENT\s+(?:as\s+)?(?:IDENT\s+)?using\b",
        r"\b(?:inner\s+|left\s+|right\s+|full\s+|outer\s+|cross\s+|natural\s+)*join\s+IDENT(?:\s+(?:as\s+)?IDENT)?\s+(?:on\s+\(?\s*IDENT\s*[=<>]|using\s*\()",
        r"\b(?:(?:inner|left|right|full|outer|cross|natural)\s+)*join\s[^;\n]{0,80}?\bon\s+\(?[a-z]\w*\.[a-z_]\w*\s*=\s*[a-z]\w*\.[a-z_]|\bon\s+[a-z]\w*\.[a-z_]\w*\s*=\s*[a-z]\w*\.[a-z_]",
        // A comparison with a text in single quotes.
        r"\b[a-z_][\w.]*\s*(?:<>|!=|==|=)\s*'[^'\n]{0,60}'",
        r"\bunion\s+all\s+select\b|\bunion\s+select\s+(?:IDENT|\d+|'[^'\n]*')(?:\s+(?:as\s+)?IDENT)?\s*(?:,|from\b|--|;|$)",
        r"\bwhere\s+IDENT\s*(?:=\s*\S|!=|<>|i?like\s+'|(?:not\s+)?in\s*\(\s*(?:'|\d|select\b|:|\$|\?)|is\s+not\s+null\b|is\s+null\s*(?:;|`|$|\)|and\s+IDENT\s*[=<>]|or\s+IDENT\s*[=<>]|order\s+by|group\s+by|limit\s+\d)|between\s+'|~\*?\s*')",
        r"\bwhere\s+[a-z][a-z0-9]*(?:_[a-z0-9]+|\.[a-z][a-z0-9_]*)+\s*(?:[<>]|between\b|like\b|in\b)",
        r"\band\s+[a-z][a-z0-9]*(?:_[a-z0-9]+|\.[a-z][a-z0-9_]*)+\s*(?:[<>]|=\s*(?:'|\d|true|false)|is\s+(?:not\s+)?null|between\b|i?like\s+')",
        r"\b(?:count|sum|avg|min|max|array_agg|string_agg|coalesce)\(\s*(?:\*|distinct\s+IDENT|IDENT\s*[),])",
        r"\bcount\s+\(\s*\*\s*\)|\bcount\(\s*\d\s*\)",
        r"\b(?:date_trunc|to_char|to_date|row_number|json_agg|jsonb_\w+|generate_series|str_to_date|date_format|date_sub|date_add|datediff|strftime|unix_timestamp|group_concat|array_agg|string_agg|load_file|pg_sleep|dense_rank|regexp_replace|json_extract|nextval)\s*\(",
        r"\bover\s*\(\s*(?:partition|order)\s+by\b",
        r"\b(?:order|group)\s+by\s+(?:IDENT\s*,\s*)*(?:IDENT|\d+)\s+(?:asc|desc|having|nulls)\b",
        r"\b(?:order|group)\s+by\s+(?:[a-z]+\.)?[a-z]+_[a-z_]+\b|\b(?:order|group)\s+by\s+[a-z]\.[a-z]+",
        r"\bhaving\s+(?:count|sum|avg|min|max)\s*\(",
        r"\blimit\s+\d+\s+offset\s+\d+|\boffset\s+\d+\s+rows\b|\bfetch\s+(?:first|next)\s+\d+\s+rows",
        r"\bis\s+not\s+null\b",
        r"\b(?:not\s+)?exists\s*\(\s*select\s+(?:\d|\*|[^)]*\bfrom\b)|\(\s*select\b[^)]+\bfrom\b",
        r"\b(?:information_schema|pg_catalog|pg_stat_\w+|pg_class|pg_tables|pg_user|pg_shadow|sqlite_master|sqlite_schema|sys\.(?:tables|columns|objects|databases)|all_tables|user_tables|mysql\.user)\b",
        r"(?:^|[`:;>\x22]\s*)show\s+(?:full\s+)?(?:tables|databases|columns|processlist|schemas|grants|create\s+table)\b",
        r"\bshow\s+(?:full\s+)?(?:tables|databases|columns|processlist|schemas|grants)\s*(?:;|from\s+IDENT\s*(?:;|$|`)|like\s+')|\bshow\s+create\s+table\b",
        r"\b(?:describe|desc)\s+IDENT\s*;",
        r"\bexplain\s+(?:analy[zs]e\s+|\([^)]*\)\s*)?(?:select|update|delete|insert|with)\b",
        r"\bpragma\s+(?:table_info|foreign_keys|journal_mode|[a-z]+_[a-z]+|[a-z_]+\s*[=(])",
        r"\bexec(?:ute)?\s+(?:immediate\b|dbo\.\w+|[a-z]+_\w+)|\bexec\s+\w+\s+@",
        r"\bdeclare\s+@\w+|\bdeclare\s+\w+\s+(?:cursor|int|integer|date|varchar|text|numeric)\b|\bset\s+@\w+\s*=",
        r"\bcase\s+when\s+[\w.]+\s*(?:[=<>!]|is\s+(?:not\s+)?null|in\s*\(|like\s+')|#standardsql|\bgroup\s+by\s+(?:rollup|cube|grouping\s+sets)\s*\(|\bgroup\s+by\s+IDENT(?:\s*,\s*IDENT)*\s+(?:order|having|limit)\b|\border\s+by\s+grouping\s*\(",
        r"\b(?:seq|index(?:\s+only)?|bitmap(?:\s+heap|\s+index)?|table|full\s+table)\s+scan\s+(?:on|using)\s+\w+|\b(?:hash|merge)\s+join\s*\(|\bnested\s+loop\s*\(|\(cost=\d|\bcost=\d[\d.]*\s*rows=",
        r"\bupsert\s+into\s+IDENT\s*\(|\brefresh\s+materialized\s+view\b|\bvacuum\s+(?:full|analyze)\b|\block\s+tables?\s+IDENT\s+(?:in|read|write)\b|\bload\s+data\s+(?:local\s+)?infile\b|\binto\s+outfile\b|\bcopy\s+IDENT\s*(?:\([^)]*\)\s*)?(?:to|from)\s+(?:stdout|stdin|'|program)|\bset\s+[a-z]+_[a-z_]+\s*(?:=|\bto\b)",
        r"\b(?:varchar|nvarchar|varchar2|character varying)\s*\(\s*\d+\s*\)|\b(?:timestamptz|bigserial|auto_increment|jsonb)\b|\bprimary\s+key\s*\(|\b(?:integer|int|text|bigint|serial|uuid)\s+(?:primary\s+key|not\s+null)\b|\breferences\s+IDENT\s*\(",
        r"\bproject\s+in\s*\([^)]*\)\s+and\b|\bstatus\s+(?:was|changed)\s+(?:to|from|in|not)\b[^.\n]*\border\s+by\b|\bafter\s+-\d+[dwmhy]\b",
        r"\bmatch\s*\(\s*\w*\s*:\w+[^)]*\)",
        r"\b(?:project|status|assignee|sprint|issuetype|priority|duedate|labels|fixversion|resolution|reporter|created|updated)\s*(?:=|!=|!?~|>=?|<=?|\bnot\s+in\b|\bin\b)\s*(?:\([^)]*\)|\x22[^\x22]*\x22|'[^']*'|[a-z0-9_()-]+)\s+(?:and|or|order\s+by)\s+(?:not\s+)?[a-z]+\s*(?:=|!=|~|<|>|\bin\b|\bis\b|\basc\b|\bdesc\b)",
        r"(?:'|\x22)\s*(?:or|and)\s+(?:'?\w+'?\s*=\s*'?\w+'?|\d+\s*=\s*\d+)|;\s*--|'\s*--\s",
        r"\bor\s+'?(\d+)'?\s*=\s*'?\d+",
        r"'[^'\n]*'::[a-z]+\b|\binterval\s+'\d",
        r"\bcall\s+[a-z]+_[a-z_]+\s*\(",
        r"\b(?:begin|start)\s+transaction\s*;|\bcommit\s*;|\brollback\s*;",
    ])
});

/// Forms that are SQL where the words of the language are written in capitals.
static CAPITALS: LazyLock<Patterns> = LazyLock::new(|| {
    compile(&[
        r"\bSELECT\s[^;]+?\bFROM\b",
        r"^\s*SELECT\s+\S",
        r"\bINSERT\s+INTO\s+\S|\bDELETE\s+FROM\s+\S|\bUPDATE\s+\S+\s+SET\b|\bMERGE\s+INTO\b|\bREPLACE\s+INTO\b",
        r"\b(?:CREATE|ALTER|DROP|TRUNCATE)\s+(?:OR\s+REPLACE\s+|UNIQUE\s+|TEMP\s+|TEMPORARY\s+|MATERIALIZED\s+)*(?:TABLE|INDEX|VIEW|SCHEMA|DATABASE|FUNCTION|PROCEDURE|TRIGGER|SEQUENCE|ROLE|USER|COLUMN)\b",
        r"\b(?:GROUP|ORDER|PARTITION)\s+BY\s+[a-z0-9_\x22`]",
        r"\b(?:INNER|LEFT|RIGHT|FULL|CROSS|OUTER)\s+(?:OUTER\s+)?JOIN\b|\bJOIN\s+[a-z\x22`]\S*\s|\bUNION\s+(?:ALL\b|SELECT\b)|\bIS\s+(?:NOT\s+)?NULL\b|\bNOT\s+EXISTS\b|\bPRIMARY\s+KEY\b|\bFOREIGN\s+KEY\b",
        r"\bWHERE\s+[a-z0-9_.\x22`]+\s*(?:=|<|>|!|IN\b|LIKE\b|ILIKE\b|IS\b|BETWEEN\b|NOT\b)",
        r"\bDELETE\s+\w+\s+FROM\b|\b(?:LOCK|UNLOCK)\s+TABLES?\b|\bREFRESH\s+MATERIALIZED\b|\bCOPY\s+[a-z]\w*\s+(?:TO|FROM)\b|\bUPSERT\s+INTO\b|\bEXEC\s+\w|\bDECLARE\s+[@a-z]|\bCASE\s+WHEN\b|\bQUALIFY\s+\w|\bPARTITION\s+BY\b|\bSET\s+[a-z]\w*\s*=|\b(?:VACUUM|ANALYZE|REINDEX|TRUNCATE|DESCRIBE|EXPLAIN)\s+[a-z]\w*|\bCREATE\s+EXTENSION\b|\bCALL\s+[a-z]\w*\(|\bUSE\s+[a-z]\w*;",
        r"\b(?:SELECT|UPDATE|DELETE|INSERT|FROM|WHERE|JOIN|SET|HAVING|AND|OR|ON|BY|INTO|WITH|COPY|LOCK)\s+[a-z_@\x22`][\w.@\x22`]*(?:[ ,=(][^.;\n]*)?\s(?:FROM|WHERE|SET|JOIN|ON|GROUP|ORDER|HAVING|VALUES|LIMIT|AS|INTO|TO|IN|LIKE|BETWEEN|DESC|ASC|READ|WRITE|RETURNING|USING|UNION)\b",
        r"\bHAVING\s+\w+\s*[(<>=]|\bLIMIT\s+\d+\b|\bVALUES\s*\(|\bFROM\s+[a-z_][\w.]*\s+WHERE\b|\bCASE\s+WHEN\b",
        // Commands of a store of keys and values.
        r"\b(?:HGETALL|HMGET|HGET|HSET|HDEL|ZRANGE(?:BYSCORE)?|ZREVRANGE|ZADD|ZCARD|LRANGE|LPUSH|RPUSH|SMEMBERS|SADD|SETEX|MGET|XADD|XRANGE|XREAD|EXPIRE|FT\.SEARCH)\s+[a-z*][\w:*{}-]*|\bKEYS\s+[\w:]*\*|\bGET\s+[a-z]+:[\w*]+",
        r"\bGRANT\s+(?:ALL|SELECT|INSERT|UPDATE|DELETE|EXECUTE|USAGE)\b|\bREVOKE\s+(?:ALL|SELECT|INSERT|UPDATE|DELETE)\b|\bSHOW\s+(?:TABLES|DATABASES|COLUMNS|CREATE)\b|\bDESCRIBE\s+\w",
    ])
});

/// What may be a query and may be a sentence: the list and the source are then looked at.
static PERHAPS: LazyLock<Patterns> = LazyLock::new(|| {
    compile(&[
        r"\bselect\s+(?:distinct\s+)?(IDENT(?:\s+(?:as\s+)?[a-z_][a-z0-9_]*)?(?:\s*,\s*IDENT(?:\s+(?:as\s+)?[a-z_][a-z0-9_]*)?)*)\s+from\s+(IDENT)(\s+(?:where\s+IDENT\s*(?:[=<>!]|in\b|is\b|like\b|between\b)|group\s+by\b|order\s+by\b|limit\s+\d|having\b|(?:left|right|inner|full)\s+(?:outer\s+)?join\b|join\s+IDENT)|\s*;\s*(?:$|[\x60\x22')]))?",
        r"\b(delete|insert|drop|describe|truncate|join|update)\s+(?:from\s+|into\s+|table\s+|view\s+|index\s+)?(IDENT)",
        r"\bfrom\s+()(IDENT)\s+(?:where|group\s+by|order\s+by|join|limit\s+\d|inner|left\s+join)\b",
    ])
});

/// Letters with spaces between them, and the words that they may spell.
static SPACED: LazyLock<Patterns> = LazyLock::new(|| compile(&[r"(?:\b[a-z][ ._-]){4,}[a-z]\b"]));
const KEYWORDS: [&[u8]; 11] = [
    b"select",
    b"insert",
    b"update",
    b"delete",
    b"drop",
    b"union",
    b"password",
    b"passwort",
    b"contrase",
    b"secret",
    b"token",
];

/// Words that show a sentence of a language and not a list of fields or a source.
const PROSE: &[&str] = &[
    "the",
    "a",
    "an",
    "your",
    "our",
    "their",
    "his",
    "her",
    "its",
    "my",
    "this",
    "that",
    "these",
    "those",
    "each",
    "every",
    "any",
    "all",
    "some",
    "one",
    "two",
    "three",
    "several",
    "more",
    "only",
    "just",
    "new",
    "best",
    "top",
    "different",
    "other",
    "first",
    "next",
    "specific",
    "and",
    "or",
    "options",
    "people",
    "items",
    "candidates",
    "suppliers",
    "vendors",
    "offers",
];

/// Columns that hardly any schema is without.
const USUAL_COLUMNS: &[&str] = &[
    "id", "name", "email", "status", "amount", "total", "count", "date", "created", "updated",
    "price", "username", "user", "value", "title", "type", "password", "quantity", "country",
    "city", "revenue", "currency", "customer", "balance",
];

pub fn find(folded: &Folded<'_>, names: &Names, spans: &mut Spans) {
    let lower = folded.lower.as_bytes();
    let mut starts: Vec<Range<usize>> = Vec::new();
    for (_, pattern) in CERTAIN.of(lower) {
        starts.extend(pattern.find_iter(lower).map(|found| found.range()));
    }
    let capitals = folded.has_capitals().then_some(&CAPITALS);
    for (_, pattern) in capitals
        .into_iter()
        .flat_map(|capitals| capitals.of(folded.plain.as_bytes()))
    {
        starts.extend(
            pattern
                .find_iter(folded.plain.as_bytes())
                .map(|found| found.range()),
        );
    }
    for (_, pattern) in PERHAPS.of(lower) {
        for found in pattern.captures_iter(lower) {
            let group = |index: usize| {
                found.get(index).map_or("", |group| {
                    std::str::from_utf8(group.as_bytes()).unwrap_or("")
                })
            };
            if is_query(group(1), group(2), found.get(3).is_some(), names) {
                starts.extend(found.get(0).map(|all| all.range()));
            }
        }
    }
    starts.extend(
        SPACED
            .each()
            .iter()
            .filter(|_| is_spaced(lower))
            .flat_map(|form| form.find_iter(lower))
            .filter_map(|found| {
                let letters: Vec<u8> = found
                    .as_bytes()
                    .iter()
                    .copied()
                    .filter(u8::is_ascii_alphabetic)
                    .collect();
                let is_keyword = KEYWORDS
                    .iter()
                    .any(|word| letters.windows(word.len()).any(|part| part == *word));
                is_keyword.then(|| found.range())
            }),
    );
    starts.sort_by_key(|range| range.start);
    let mut end = 0;
    for range in starts {
        if range.end > end {
            end = statement_end(folded, range.end);
            let range = extent::quoted(folded.plain.as_bytes(), range.start..end);
            end = range.end;
            spans.add(folded, range, Reason::Sql, With::Mark);
        }
    }
}

/// Do five letters or more stand alone, one after the other?
fn is_spaced(lower: &[u8]) -> bool {
    let (mut singles, mut at) = (0, 0);
    for (end, byte) in lower.iter().enumerate() {
        if matches!(byte, b' ' | b'.' | b'_' | b'-') {
            singles = if end - at == 1 { singles + 1 } else { 0 };
            // What stands before the first and after the last may be longer by what is no letter.
            if singles >= 3 {
                return true;
            }
            at = end + 1;
        }
    }
    false
}

/// Do the list and the source look like a query's?
fn is_query(list: &str, source: &str, goes_on: bool, names: &Names) -> bool {
    if names.kind(source).is_some() {
        return true;
    }
    let technical = |text: &str| text.contains(['_', '"', '`', '[', '$']) || text.contains('.');
    if matches!(
        list,
        "delete" | "insert" | "drop" | "describe" | "truncate" | "join" | "update" | ""
    ) {
        return source.contains('_') && !source.starts_with('_');
    }
    let words = || {
        list.split([',', ' ', '\n', '\t'])
            .filter(|word| !word.is_empty())
    };
    if words().any(|word| PROSE.contains(&word)) || PROSE.contains(&source) {
        return technical(list);
    }
    goes_on
        || technical(list)
        || technical(source)
        || list.contains(',')
        || words()
            .any(|word| word == "as" || USUAL_COLUMNS.contains(&word) || names.kind(word).is_some())
}

/// Where a statement that has come as far as `from` ends: a semicolon, a closing back-tick, a blank line, the end of the
/// sentence, or the line after which prose begins.
fn statement_end(folded: &Folded<'_>, from: usize) -> usize {
    let bytes = folded.plain.as_bytes();
    let at = |index: usize| bytes.get(index).copied().unwrap_or(b'\n');
    let (mut index, mut quoted) = (from, false);
    while index < bytes.len() {
        match at(index) {
            b';' => return index + 1,
            b'`' => return index,
            b'\'' => quoted = !quoted,
            b'.' | b'!' | b'?'
                if !quoted && (index + 1 >= bytes.len() || at(index + 1).is_ascii_whitespace()) =>
            {
                return index;
            }
            b'\n' if is_prose(bytes.get(index + 1..).unwrap_or_default()) => return index,
            _ => {}
        }
        index += 1;
    }
    bytes.len()
}

/// Is the next line blank, or does prose begin in it?
fn is_prose(next: &[u8]) -> bool {
    let line = next.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let trimmed = line.trim_ascii();
    let Some(first) = trimmed.first() else {
        return true;
    };
    if line.first().is_some_and(u8::is_ascii_whitespace) {
        return false;
    }
    if trimmed.starts_with(b"--") {
        return false;
    }
    let word: Vec<u8> = trimmed
        .iter()
        .copied()
        .take_while(u8::is_ascii_alphabetic)
        .collect();
    let keyword = word.iter().all(u8::is_ascii_uppercase) && word.len() > 1;
    (first.is_ascii_uppercase() && !keyword)
        || matches!(first, b'-' | b'*' | b'#' | b'>' | b'0'..=b'9' | 0xc0..)
}
