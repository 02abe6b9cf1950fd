//! Source lines and commands of a shell, outside fences, and what stands in back-ticks.

use std::sync::LazyLock;

use super::{
    Reason, density, extent,
    fold::Folded,
    pattern::{Patterns, compile, compile_with},
    spans::{Spans, With},
};

/// What a second look must tell from prose.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// A line that a semicolon ends.
    Semicolon,
    /// Names with values.
    Values,
    /// Braces around more than one word.
    Braces,
    /// A word with an option.
    Option,
    /// A time table.
    Times,
}

/// Source; over the folded text with its case. The whole line goes.
static SOURCE: LazyLock<Patterns<Look>> = LazyLock::new(|| {
    compile_with(
        &[
            r"\bfrom\s+[\w.]+\s+import\s+[\w*(]|^\s*import\s+\w+(?:\.\w+)+\s*;?\s*$|\bimport\s+\w+\s+as\s+\w+\b|^\s*import\s+(?:static\s+)?[\w.*]+;|^\s*import\s+.+\s+from\s+['\x22]|^\s*import\s+['\x22{(*]|^\s*import\s+(?:os|sys|json|re|requests|pandas|numpy|datetime|math|time|csv|sqlite3|logging|random|asyncio|fmt|subprocess)\b",
            r"\b(?:async\s+)?def\s+\w+[?!]?\s*\(|^\s*class\s+[A-Z]\w*\s*(?:\([^)]*\))?\s*[:{]\s*$|\bfunction\s*\w*\s*\([^)]*\)\s*\{|\bfunction\s+\w+\s*\(|\bfn\s+\w+\s*[(<]|\bfunc\s+(?:\([^)]*\)\s*)?\w+\s*\(|\bpublic\s+(?:static\s+)?(?:(?:void|int|final)\b|(?:class|interface|enum)\s+[A-Z]\w*)|\b(?:private|protected)\s+(?:static|final|void|int|String)\b",
            r"(?:^|[\s;{(])(?:const|let|var|val|final|auto|int|string|String|float|double|bool|boolean|char|mut)\s+\w+(?:\s*:\s*[\w<>\[\]]+)?\s*=\s*\S",
            r"^\s*#include\s*[<\x22]|^\s*using\s+[\w.]+;|^\s*package\s+[\w.]+;?\s*$|^#!/|<\?php|^\s*@\w+\([^)]*\)\s*$|^\s*use\s+\w+(?:::\w+)+",
            r"\bfor\s*\(\s*(?:const|let|var|auto|final)\s+\w+\s+(?:of|in)\s[^\n]*|[\[({][^\n\])}]{0,60}?\w(?:\.\w|[(\[])[^\n}]{0,60}?\sfor\s+\w+(?:,\s*\w+)?\s+in\s+\w[^\n\])}]*[\])}]",
            r"\b(?:if|for|while|switch|catch|foreach)\s*\([^)\n]*(?:==|!=|<=|>=|&&|\|\||;|\+\+|\w\(|\bin\b\s+\w+\.)[^\n]*|^\s*(?:if|elif|while)\s+[^\n]*(?:==|!=|\bis\s+None\b|\w\()[^\n]*:\s*$|^\s*for\s+\w+(?:,\s*\w+)?\s+in\s+[\w.]*(?:range\(|\w\(|\w+\.\w+)[^\n]*:\s*$|^\s*for\s+\w+(?:,\s*\w+)?\s+in\s+\w+:[ \t]*\n[ \t]{2,}\S|\s=\s[^\n]{1,80}?\sif\s+[\w.]+\s+else\s|^\s*(?:else|try|finally)\s*[:{]\s*$|^\s*except\b[^\n]*:\s*$",
            r"^\s*(?:return|yield|raise|throw|await|break|continue)\b[^\n]*[;)\]]\s*$|^\s*return\s+\w+;?\s*$|\bawait\s+\w+[.(]",
            r"=>\s*[{(]|\)\s*=>|->\s*\w+\s*[({:]|\$\w+\s*=[^=]|\$\{[\w.]|\$\(\w|^\s*[})\]]+[;,)]*\s*$|^\s*\{\s*$|^\s*//\s|/\*.*\*/",
            r"===|!==|\w\s*&&\s*[\w!(]|\w\s\|\|\s[\w!(]|\+\+;|\b\w+\s*==\s*\S|\b\w+\s*!=\s*\S|\b\w+\s*\+=\s*\w|:=\s*\w|\$[a-z_]\w*\s*[*+/-]\s*[\d$(]",
            r"\b[a-z_$][\w$]+(?:\.[a-zA-Z_$][\w$]+)+\([^)\n]*\)?|\b[a-z]+(?:_[a-z0-9]+)+\([^)\n]*\)?|\b[a-z]+[A-Z]\w*\([^)\n]*\)?|\b[a-zA-Z_]\w+\(\)|\b(?:print|println|printf|echo|len|range|open|eval|exec|system|require|include|fetch|alert|sizeof|malloc|str|int|float|list|dict|map|filter|lambda)\([^)\n]+\)",
            r"\b[a-z_]\w*\[(?:['\x22]\w+['\x22]|\w+_\w+|:\w*|-\d)\]|\b[A-Za-z_]\w*::[A-Za-z_<]\w*|\blambda\s+\w+(?:\s*,\s*\w+)*\s*:|\bself\.\w+|\bthis\.\w+\s*[=(.;]",
            r"^\s*[a-z_][\w.]*\s*=\s*[\w.]+\(|^\s*[a-z_][\w.]*\s*=\s*[\[{'\x22]|^\s*[a-z]+_\w+\s*=\s*\S|^[A-Z][A-Z0-9_]{2,}=\S",
            // A call: a name right before its bracket, and in the bracket what no plural has.
            r#"\b[A-Za-z_][\w.]*\((?:["'\[{(!*&-]|[^()\s]*[=,\[\]{}\d_:"'/*+<>-][^()\s]*\)?|[\w."'-]+\s*[,=~:<>*/+-]|\w+\))[^\n]*?[;=]|\b[A-Za-z_][\w.]*\(\s*(?:["'\[{(!]|\w*[=_"\[\d:][^()\n]*\)?|\w[\w.]*\s*[,=~<>*/+]\s*\w|[^()\n]*,\s*["'\w])|=?\b[A-Z]{2,}(?:\.[A-Z]+)*\(|=[A-Za-z.]+\("#,
            // Regular expressions.
            r"\^\[|\[\^?[A-Za-z0-9]-[A-Za-z0-9]\S*\]|\\[dwsbDWSn]\b|\w\{\d+(?:,\d*)?\}|\(\?[:=!<]|\^[A-Z]{2}\w",
            // A method's head; a name with an underscore and its value.
            r"\b(?:public|private|protected|internal|static)\s+(?:(?:static|async|final|virtual|override|readonly|const)\s+)*[A-Za-z_][\w<>\[\],?]*\s+[A-Za-z_]\w*\s*\([^)\n]*\)|\b[a-z]+(?:_[a-z0-9]+)+=[^\s=][^\s,;)]*",
            r"\bv=(?:spf1|dkim1|dmarc1)\b[^\n]*",
            r"\(defn?\s|\(\w+\??\s*\[\w|\(\s*[<>=+*/-]\s+\(|\[\s*\w+\s+for\s+\w+\s+in\s|[<>=!]=?\s*\S+\s+\?\s+\S[^?\n]{0,40}?\s+:\s+\S|;\s*(?:do|then)\s+(?:echo|mv|cp|rm|cat|\w+\s+[\x22$-])|;\s*(?:done|fi|esac)\s*(?:$|[<|;&)\x22`])|\bdo\s+echo\b|<-\s*\w+\(",
            r"^(?:FROM\s+[\w./-]+:[\w.-]+|(?:RUN|COPY|CMD|ENTRYPOINT|WORKDIR|ENV|EXPOSE|ADD)\s+\S.*)$|^\s*(?:end\s+sub|End\s+Sub|End\s+If|Sub\s+\w+\()",
            r"\b[a-z]+[A-Z]\w*\s*:\s*(?:true|false|null|undefined)\b|\bapiVersion\s*:\s*\S",
            // Keys and values of JSON without their braces.
            r#""[\w.-]+"\s*:\s*(?:"[^"\n]*"|-?\d[\d.]*|true|false|null)(?:\s*,\s*"[\w.-]+"\s*:\s*(?:"[^"\n]*"|-?\d[\d.]*|true|false|null))+"#,
            // COBOL, ABAP, ABL.
            r"\bPERFORM\s+(?:VARYING|UNTIL)\b|\bEND-(?:PERFORM|IF|READ|EVALUATE|CALL|EXEC)\b|\b(?:MOVE|ADD)\s+[A-Z0-9][A-Z0-9-]*(?:\([A-Z0-9-]+\))?\s+TO\s+[A-Z][A-Z0-9]*-[A-Z0-9-]+|\bCOMPUTE\s+[A-Z0-9-]+\s+(?:ROUNDED\s*)?=|\b(?:NO|EXCLUSIVE|SHARE)-LOCK\b|\bREAD\s+TABLE\s+\w+\s+(?:INTO|WITH)\b|\bLOOP\s+AT\s+\w+\s+(?:INTO|ASSIGNING|WHERE)\b|\bSELECT\s+SINGLE\b|\b[Ss][Yy]-[a-z]{4,}\b|\bEND(?:IF|LOOP|SELECT|METHOD|FORM)\.",
            r"'\w+'\s*=>\s*['\x22\d\[$]|\bset\s+/[ap]\s+\w+\s*=|\bSET\s+/[AP]\s+\w+\s*=",
            r"\$(?:HOME|PATH|USER|PWD|SHELL|[A-Z]+_[A-Z_]+)\b",
            r"\bconsole\.(?:log|error|warn)\b|\bSystem\.out\b|\bprocess\.env\b|\bos\.environ\b|\bwindow\.\w+|\bdocument\.(?:cookie|\w+\()|<%[=\s]|\beval\(|\bnew\s+[A-Z]\w+\(",
        ],
        &[
            (Look::Semicolon, r"[\w)\]'\x22]\s*;\s*$"),
            // Names with values, one after the other.
            (
                Look::Values,
                r"\b[\w\[\].-]+=[^\s&;=]+(?:[&;]|\s+)[\w\[\].-]+=[^\s&;=]+",
            ),
            (Look::Braces, r"\{[^{}\n]*[^\w{}\n-][^{}\n]*\}?|^\s*\}"),
        ],
    )
});

/// Commands; over the folded text in lower case. The rest of the line goes.
static COMMANDS: LazyLock<Patterns<Look>> = LazyLock::new(|| {
    compile_with(
        &[
            r"(?:^|[\s\x22'`(:;|&$])(?:sudo\s+\S+|curl\s+(?:-|https?:|\w+[.:])\S*|wget\s+(?:-|http)\S*|ssh\s+(?:-\w|\w+@)\S*|scp\s+\S+\s+\S+:\S*|kubectl\s+(?:get|apply|delete|logs|exec|describe|rollout|port-forward|scale|config|-)\S*|helm\s+(?:install|upgrade|list|repo)\b|docker(?:-compose)?\s+(?:restart|kill|cp|volume|network|login|container|image|stats|down|up|run|exec|ps|compose|build|logs|pull|push|stop|start|rm|images|inspect)\b|redis-cli\b|psql\s+(?:-|\w+:)\S*|mysql(?:dump|admin)?\s+-\S*|mongosh?\s+(?:-|\x22|mongodb)\S*|sqlite3\s+\S+\.\S+)",
            r"(?:^|[\s\x22'`(:;|&$])(?:git\s+(?:revert|blame|merge|switch|restore|remote|tag|clone|push|pull|commit|checkout|rebase|log|diff|reset|stash|fetch|add|status|branch|init|cherry-pick)\b|npm\s+(?:install|run|i|start|ci|test)\b|npx\s+[\w@]|yarn\s+(?:add|install|run)\b|pip3?\s+install\b|apt(?:-get)?\s+(?:install|update|upgrade)\b|(?:brew|yum|dnf|gem|snap)\s+install\b|chmod\s+(?:[-+]\w|\d{3}|[ugoa]+[+-])\S*|chown\s+\w+[:.]?\w*\s+\S|rm\s+-\w+|systemctl\s+(?:start|stop|restart|status|enable|reload)\b|service\s+\w+\s+(?:start|stop|restart|status)\b|journalctl\s+-|cargo\s+(?:build|run|test|install|check)\b|python3?\s+(?:-[mc]|[\w./-]+\.py)|node\s+(?:\S+\.js|-e)|java\s+-\w+|make\s+-\w|go\s+(?:run|build|get|test)\s)",
            r"(?:^|[\x22'`(:;|&$]\s?|\s)(?:export\s+\w+=\S*|grep\s+-\S+|awk\s+['\x22{]|sed\s+(?:-|'s)|(?:tail|head)\s+-\S|cat\s+[/~.<]\S*|ls\s+-\w+|cd\s+(?:[/~]|\.\.)\S*|mkdir\s+-|tar\s+-?[xczv]+f|terraform\s+(?:apply|plan|init|destroy)\b|ansible-playbook\b|aws\s+(?:s3|ec2|iam|sts|rds|configure|lambda)\b|gcloud\s+(?:auth|compute|sql|config|projects)\b|az\s+(?:login|vm|aks|webapp|acr|storage|keyvault|functionapp)\b|openssl\s+\w+\s+-|nc\s+-\w|nmap\s+[-\d]|ping\s+-\w|telnet\s+\S+\s+\d+|crontab\s+-|powershell\s+-|pg_dump\b|pg_restore\b|mongodump\b|invoke-\w+\s+-|get-\w+\s+-\w|base64\s+-d|xxd\s|dig\s+[@+]|nslookup\s+\S+\.|whoami\b|/bin/(?:ba)?sh\b|bash\s+-c|\|\s*(?:grep|bash|sh|jq|sort|head|tail|wc|xargs|awk|sed|less|tee)\b)",
            r"\bnet\s+(?:user|use|stop|start|localgroup|view|share)\s+\S+(?:\s+\S+)?\s+/\w|\b[\w-]+\.(?:exe|cmd|bat|ps1)\s+(?:[/-]\w|(?:start|stop|query|config|restart|install)\s)|\bnet\s+(?:stop|start)\s+\x22|\b(?:ipconfig|gpupdate|sfc|schtasks|robocopy|xcopy|icacls|tasklist|taskkill|dism|chkdsk|netstat)\s+(?:\S+\s+){0,2}[/-]\w",
            r"\S\s*\|\s*(?:stats|sort|where|filter|limit|table|eval|top|count|summarize|project|extend|render|fields|parse|where-object|select-object|measure-object|foreach-object|out-file|format-table|ft|jq|grep)\b",
            r"\b(?:get|set|new|remove|add|import|export|invoke|start|stop|test|where|select|sort|foreach|measure|write|out|convertto|convertfrom|enable|disable|restart|update)-(?:csv|object|item|content|process|service|mailbox|json|childitem|webrequest|expression|command|host|output|ad\w+|variable|location|date|restmethod|module|computer|eventlog|wmiobject|netadapter|aduser|string)\b",
            r"^\s*\$\s+[a-z./]\S*|^\s*[\w-]+@[\w-]+:[~/][^\n]*[$#]\s|^(?:c|ps c):\\[^>\n]*>\s*\S|^mysql>|^\w*=[#>]\s|^sqlite>|^>>> ?\S|^in \[\d+\]:",
        ],
        &[
            (
                Look::Option,
                r"\b[a-z][\w-]*[a-z0-9]\s+--?[a-z][\w-]*(?:[=\s:;'\x22`)]|$)",
            ),
            (
                Look::Times,
                r"(?:^|[\s\x22'`:(])(?:[\d*/,-]+\s+){4}[\d*/,-]+\s+\S",
            ),
        ],
    )
});

static TICKS: LazyLock<Patterns> = LazyLock::new(|| compile(&[r"`([^`\n]+)`"]));

/// In back-ticks: what no person's word has.
static TECHNICAL: LazyLock<Patterns> = LazyLock::new(|| {
    compile(&[
        r"[{}=;<>$\\|\[\]]|->|::|\w\(|\w_\w|(?:^|\s)--?[a-z]|[a-z]{2,}\.[a-z_]{2,}|[a-z][A-Z]|(?:^|\s)~?/[a-z]",
    ])
});

pub fn find(folded: &Folded<'_>, spans: &mut Spans) {
    let (plain, lower) = (folded.plain.as_bytes(), folded.lower.as_bytes());
    let mut ranges = Vec::new();
    for (look, found) in SOURCE
        .of(plain)
        .flat_map(|(look, form)| form.find_iter(plain).map(move |found| (look, found)))
    {
        let is_prose = match look {
            Some(Look::Braces) => is_set(found.as_bytes()),
            Some(Look::Values) => are_statistics(found.as_bytes()),
            Some(Look::Semicolon) => is_item(extent::line_before(plain, found.end())),
            _ => false,
        };
        if !is_prose && !spans.stands(&folded.origin(found.range())) {
            ranges.push(extent::source_range(plain, found.range()));
        }
    }
    for (look, form) in COMMANDS.of(lower) {
        for found in form.find_iter(lower) {
            let before = lower.get(..found.start()).unwrap_or_default();
            let is_command = match look {
                Some(Look::Option) => is_command(found.as_bytes(), before),
                Some(Look::Times) => found.as_bytes().contains(&b'*'),
                _ => true,
            };
            if !is_command || spans.stands(&folded.origin(found.range())) {
                continue;
            }
            let skip = found
                .as_bytes()
                .iter()
                .take_while(|byte| {
                    !byte.is_ascii_alphanumeric()
                        && !matches!(byte, b'$' | b'>' | b'/' | b'|' | b'*')
                })
                .count();
            let range = extent::grown(plain, found.start() + skip..found.end());
            ranges.push(range.start..extent::command_end(lower, found.end()));
        }
    }
    let dense = density::runs(plain).into_iter();
    ranges.extend(dense.filter(|range| !spans.stands(&folded.origin(range.clone()))));
    for mut range in extent::joined(plain, ranges) {
        range.end = extent::block_end(plain, range.end);
        let range = extent::quoted(plain, extent::with_lines_beside(plain, range));
        spans.add(folded, range, Reason::Code, With::Mark);
    }
    for found in TICKS
        .each()
        .iter()
        .filter(|_| folded.holds(b"`"))
        .flat_map(|form| form.captures_iter(plain))
    {
        let (Some(all), Some(inside)) = (found.get(0), found.get(1)) else {
            continue;
        };
        let technical = TECHNICAL
            .each()
            .iter()
            .any(|form| form.is_match(inside.as_bytes()));
        if technical && !spans.stands(&folded.origin(inside.range())) {
            spans.add(folded, all.range(), Reason::Code, With::Mark);
        }
    }
}

/// Is it a line of a list as a person writes it, "- the keys are handed back;"? A line of source is one word or has signs.
fn is_item(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let line = line.strip_suffix(b";").unwrap_or(line);
    let line = line.strip_prefix(b"* ").unwrap_or(line);
    let words: Vec<&[u8]> = line
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
        .collect();
    words.len() > 1
        && words
            .iter()
            .all(|word| *word != b"*" && !extent::is_source(word))
}

/// A set of sizes, grades or numbers as a person writes it, "{S, M, XL}": code has names in small letters.
fn is_set(braces: &[u8]) -> bool {
    let inside = braces
        .strip_prefix(b"{")
        .and_then(|inside| inside.strip_suffix(b"}"));
    inside.is_some_and(|inside| {
        inside.split(|&byte| byte == b',').all(|item| {
            let item = item.trim_ascii();
            item.first()
                .is_some_and(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
                && item
                    .iter()
                    .all(|byte| byte.is_ascii_alphanumeric() || b" +/-.%".contains(byte))
        })
    })
}

/// Sizes and chances as a person reports them, "n=212, p=0.03": names of a letter or two, and numbers.
fn are_statistics(values: &[u8]) -> bool {
    let mut pairs = values
        .split(u8::is_ascii_whitespace)
        .filter(|pair| !pair.is_empty());
    pairs.all(|pair| {
        let mut parts = pair.splitn(2, |&byte| byte == b'=');
        let (name, value) = (
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
        );
        name.len() <= 2
            && name.iter().all(u8::is_ascii_alphabetic)
            && value
                .iter()
                .all(|byte| byte.is_ascii_digit() || b".,;%)".contains(byte))
    })
}

/// Is a word with an option a command, and not a pair of words of which one is cut short ("und -ausgang")?
fn is_command(found: &[u8], before: &[u8]) -> bool {
    const JOINING: &[&[u8]] = &[
        b"und", b"oder", b"and", b"or", b"et", b"ou", b"o", b"bzw", b"sowie", b"in", b"as", b"to",
        b"is", b"not", b"ni",
    ];
    let word = found
        .split(|byte| byte.is_ascii_whitespace())
        .next()
        .unwrap_or_default();
    let long = found.windows(2).any(|pair| pair == b"--");
    !JOINING.contains(&word) && !word.ends_with(b"-") && (long || !before.ends_with(b"-"))
}
