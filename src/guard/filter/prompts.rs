//! Prompts: what a model was told, marks of roles, and what tells a model to forget it.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::{
    Reason,
    fold::{Folded, fold_name},
    pattern::{Patterns, compile},
    spans::{Spans, With},
};

/// The shipped prompts.
const SHIPPED: [&str; 2] = [
    include_str!("../../../prompts/company.md"),
    include_str!("../../../prompts/briefing.md"),
];

/// Sentences of the shipped prompts that are long enough to be theirs alone, folded.
static SENTENCES: LazyLock<Vec<String>> = LazyLock::new(|| {
    const LEAST_WORDS: usize = 6;
    SHIPPED
        .iter()
        .flat_map(|prompt| prompt.split(['.', '\n', '{', '}', ':', ';', '%']))
        .map(|sentence| fold_name(sentence.trim().trim_start_matches("- ")))
        .filter(|sentence| sentence.split_whitespace().count() >= LEAST_WORDS)
        .collect()
});

static SAID: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::new(SENTENCES.iter()).ok());

/// Sentences of the shipped prompts, folded: what any of them is in tells a prompt.
pub fn shipped() -> &'static [String] {
    &SENTENCES
}

/// A prompt is being told: nothing after it leaves.
static TELLS: LazyLock<Patterns> = LazyLock::new(|| {
    compile(&[
        r"<\|(?:im_start|im_end|system|user|assistant|endoftext|start_header_id|end_header_id|begin_of_text|eot_id|python_tag|end|channel|message|start)\|?>?|<\|[a-z_ ]{2,40}\|>",
        r"\[/?inst\]|<</?sys>>|</?s>\s*\[inst|</?(?:system|system[\s_-]prompt|developer|instructions|system[\s_-](?:instructions?|message))>",
        // Who it is told to be.
        r"\b(?:you\s+are\s+(?:now\s+)?(?:called\s+|named\s+)?|du\s+bist\s+|sie\s+sind\s+|tu\s+es\s+|vous\s+(?:e|\xc3\xaa)tes\s+|eres\s+|usted\s+es\s+)daybrief\b",
        r"\byou(?:\s+are|'re)\s+(?:an?\s+|the\s+)?(?:\w+\s+){0,4}(?:ai\s+(?:assistant|model|agent|system|chatbot)|(?:helpful|virtual|digital|ai|expert|friendly|concise|data|reporting|business|briefing|sql|intelligent|professional)\s+assistant|assistant\s+(?:that|who|which|for\s+the\s+company)|language\s+model|chatbot|llm|agent\s+that)\b|\byou\s+are\s+an\s+ai\s*[.,;:]|\byou\s+are\s+\w+,\s+(?:an?|the)\s+(?:\w+\s+){0,3}(?:(?:helpful|virtual|digital|ai|expert|friendly|concise|data|reporting|business)\s+assistant|chatbot|bot)\b",
        r"\b(?:du\s+bist|sie\s+sind)\s+(?:ein\w*\s+)?(?:\w+\s+){0,3}(?:ki\b|ki-\w+|sprachmodell|chatbot|(?:hilfreich\w*|virtuell\w*|digital\w*)\s+assisten[tz])|\bdu\s+bist\s+(?:ein|der|die)\s+assistent",
        r"\b(?:tu\s+es|vous\s+(?:e|\xc3\xaa)tes)\s+(?:une?\s+)?(?:\w+\s+){0,3}(?:ia|mod(?:e|\xc3\xa8)le\s+de\s+langage|chatbot|assistante?\s+(?:ia|virtuel\w*|num\S+rique|utile|serviable))\b|\btu\s+es\s+une?\s+(?:\w+\s+){0,2}assistante?\b",
        r"\b(?:eres|usted\s+es)\s+(?:una?\s+)?(?:\w+\s+){0,3}(?:ia|modelo\s+de\s+lenguaje|chatbot|asistente\s+(?:de\s+ia|virtual|\S*til))\b|\beres\s+una?\s+(?:\w+\s+){0,2}asistente\b",
        r"\bas\s+an?\s+(?:ai\s+(?:language\s+)?(?:model|assistant)|(?:large\s+)?language\s+model)\b|\bals\s+(?:ki-?\s?)?(?:sprachmodell|ki-?assistent)\b|\ben\s+tant\s+qu(?:'ia|e\s+mod(?:e|\xc3\xa8)le\s+de\s+langage)\b|\bcomo\s+modelo\s+de\s+lenguaje\b",
        // What it was told.
        r"\b(?:my|your)\s+(?:full\s+|exact\s+|original\s+|complete\s+|initial\s+|hidden\s+|secret\s+)*(?:system|developer)[\s-]?(?:prompt|message|instructions?)\b|\b(?:the|this)\s+(?:system|developer)\s+(?:message|prompt|instructions?)\s+(?:(?:that\s+)?i\s+(?:received|got|have|was\s+(?:given|sent|shown))\s+)?(?:reads?|says?|states?|tells\s+me)\b|\b(?:the|this|our|its)\s+(?:full\s+|exact\s+|original\s+|complete\s+|hidden\s+)*system[\s-]prompt\s*(?:is|are|was|reads?|says?|said|states?|tells?|contains?|begins?|starts?|instructs?|follows|verbatim|in\s+full|:|=)",
        r"\bsystem[\s_-]?prompt\s*[:=]|\b(?:begin|start|end)\s+(?:of\s+)?(?:the\s+)?system\s+(?:prompt|instructions)\b",
        r"\bhere\s+(?:are|is)\s+(?:my|the)\s+(?:full\s+|exact\s+|internal\s+|system\s+|original\s+|initial\s+)*(?:instructions\s+i\s+(?:was|were|have|got)|system\s+prompt)|\bhere\s+(?:are|is)\s+my\s+(?:full\s+|exact\s+|internal\s+|original\s+|initial\s+)*(?:instructions|rules|prompts?)\b",
        r"\b(?:mein|der|unser)\s*system-?\s?prompt\s*(?:lautet|ist|sagt|:|besagt|beginnt)|\bmeine\s+(?:system)?anweisungen\s+(?:lauten|sagen|besagen)|\bsystem(?:anweisung(?:en)?|-?prompts?)\b",
        r"\b(?:mein(?:e[mnrs]?)?|dein(?:e[mnrs]?)?)\s+(?:system-?)?prompts?\b|\b(?:mon|ton|mes|tes)\s+(?:prompts?|messages?|consignes?|instructions?)\s+syst(?:e|\xc3\xa8)mes?\b|\b(?:mi|tu)\s+(?:prompt|mensaje)\s+de(?:l)?\s+sistema\b|\bmeine[rn]?\s+systemnachricht\b|\b(?:mon|ton)\s+prompt\s*(?:dit|est|:|demande|indique|interdit|pr(?:e|\xc3\xa9)cise)|\b(?:mi|tu|su)\s+prompt\b|\bmy\s+prompt\s*(?:is|says|reads|tells|:)",
        r"\b(?:mon|le|notre)\s+(?:prompt|message)\s+(?:syst(?:e|\xc3\xa8)me|initial)\s*(?:est|dit|:|indique|commence)|\bmes\s+instructions\s+(?:disent|pr(?:e|\xc3\xa9)cisent)",
        r"\b(?:mi|el|nuestro)\s+(?:prompt|mensaje)\s+(?:del?\s+sistema|inicial)\s*(?:es|dice|:|indica|empieza)|\bmis\s+instrucciones\s+(?:dicen|indican)",
        r"\b(?:consignes?|instructions?)\s+syst(?:e|\xc3\xa8)me\s*(?:\(|:|sont|disent)|\b(?:instrucciones|reglas)\s+del\s+sistema\s*(?:\(|:|son|dicen)",
        r"\b(?:text|words|message)\s+(?:that\s+)?i\s+(?:was|have\s+been)\s+(?:given|shown|sent)\s+(?:before\s+(?:your|this|the|our)|above|at\s+the\s+(?:start|beginning))",
        r"\bi\s+(?:was|am|have\s+been)\s+(?:configured|set\s+up|initiali[sz]ed|primed|started)\s+with\s+(?:this|these|the\s+following)\b",
        r"\{(?:context|question|query|input|user_input|history|chat_history|documents?|kontext|frage|contexte|pregunta|contexto)\}",
        // Marks of roles as words.
        r"^\s*#{2,}\s*(?:system|instructions?|assistant|human|user|response)\s*:",
        r"^\s*(?:\[system\]|<system>|\*\*system\*\*)\s*:?\s*\S|\[/?(?:system|syst(?:e|\xc3\xa8)me|sistema)\]",
        r"^[\s>*#]*(?:human|user|utilisat(?:eur|rice)|usuari[oa]|(?:be)?nutzer(?:in)?)[\s*]*:[^\n]*\n(?:[^\n]*\n){0,6}?[\s>*#]*(?:assistante?|assistent(?:in)?|asistente|chatbot|ai|ki|ia)[\s*]*:",
        r"^\s*#{1,3}\s*system\s*:?\s*\n[^#]{0,800}?\n\s*#{1,3}\s*(?:user|human|assistant)\s*:?\s*$",
        r"\bprompt\s*:\s*[^\w\s]{0,4}(?:you\s+are|du\s+bist|sie\s+sind|tu\s+es|vous\s+(?:e|\xc3\xaa)tes|eres|usted\s+es)\b",
        // Headings of a prompt, and what it begins with below them.
        r"#{1,3}\s*(?:role|persona|instructions?|rules|task|system|rolle|regeln|anweisungen|r(?:o|\xc3\xb4)le|r(?:e|\xc3\xa8)gles|consignes|rol|reglas|instrucciones)\s*:?\s*\n+\s*(?:\d+[.)]\s*|[-*]\s*)?(?:you\s+(?:are|must|will)|never|always|do\s+not|du\s+bist|nenne\s+nie|sie\s+sind|tu\s+es|vous\s+(?:e|\xc3\xaa)tes|ne\s+\w+|eres|nunca|no\s+\w+s)\b",
        r"\b(?:text|words|message|instructions)\s+above,?\s+(?:word\s+for\s+word|verbatim)\b|\b(?:verbatim|word\s+for\s+word)[^.\n]{0,20}\b(?:system|prompt|instructions)\b",
        r"(?:^|[\s\x22'(\[>])(?:system(?:nachricht|anweisung|prompt|meldung|vorgabe|\s+message|\s+instructions?)?|developer\s+(?:message|prompt|instructions?)|syst(?:e|\xc3\xa8)me|sistema)\s*(?:\([^)]{0,40}\))?\s*:\s*(?:you|du|sie|tu|vous|eres|usted|never|always|follow|ignore|answer|respond|do\s+not|don't|ne\s|nunca|siempre|antworte|beantworte|schreibe|r(?:e|\xc3\xa9)ponds|respon\w+|redacta|escribe)\b",
        r"\bnever\s+(?:reveal|disclose|mention|share|repeat|show|output)\s+(?:these|this|your|my|any\s+of\s+(?:these|your))\s+(?:\w+\s+)?(?:instructions?|prompt|rules|system|table|tool|sql|schema)\w*|\bdo\s+not\s+(?:reveal|disclose|mention|repeat|share|output|show)\s+(?:these|this|your|any\s+of\s+(?:these|your))\s+(?:\w+\s+)?(?:instructions?|prompt|rules)\b",
    ])
});

/// Somebody is told to forget what they were told, or speaks of what they were told; the sentence is left out.
static TURNS: LazyLock<Patterns> = LazyLock::new(|| {
    compile(&[
        r"\b(?:ignore|disregard|forget|override|bypass|discard)\s+(?:(?:all|any|the|your|my|our|of|these|those|every)\s+){0,4}(?:(?:previous|prior|above|earlier|preceding|foregoing|existing|original|initial|former|system|past)\s+){1,2}(?:instructions?|prompts?|rules|guidelines|directives?|constraints|system\s+prompt)",
        r"\b(?:ignore|disregard|forget|override|bypass)\s+(?:all\s+(?:of\s+)?)?your\s+(?:\w+\s+)?(?:instructions?|prompts?|rules|guidelines|programming|training|restrictions)|\b(?:ignore|disregard|forget)\s+(?:all\s+|the\s+)*(?:instructions?|prompts?|rules)\s+(?:above|before|so\s+far|given|you)|\b(?:ignore|disregard)\s+all\s+(?:instructions?|rules|prompts?)\b",
        r"\b(?:ignore|disregard|forget)\s+(?:everything|all)\s+(?:above|before\s+this|prior|you\s+(?:were|have\s+been)\s+told|that\s+came\s+before|i\s+said)",
        r"\b(?:ignorier(?:e|en\s+sie|t)?|vergiss|vergessen\s+sie|missachte)\s+(?:(?:alle|die|deine|ihre|s(?:a|\xc3\xa4)mtliche|meine)\s+){0,3}(?:(?:vorherigen?|bisherigen?|vorigen?|obigen?|fr(?:u|\xc3\xbc)heren?|vorangegangenen?|vorhergehenden?|urspr(?:u|\xc3\xbc)nglichen?)\s+){1,2}(?:anweisungen|instruktionen|regeln|befehle|vorgaben|prompts?|nachrichten)",
        r"\b(?:ignore[zr]?|oublie[zr]?)\s+(?:(?:toutes?|tous|les|tes|vos|mes)\s+){0,3}(?:instructions|consignes|r(?:e|\xc3\xa8)gles|directives)\s+(?:pr(?:e|\xc3\xa9)c(?:e|\xc3\xa9)dentes?|ci-dessus|ant(?:e|\xc3\xa9)rieures?|initiales)",
        r"\b(?:ignor[ae]r?|olvida|olvide)\s+(?:(?:todas?|todos|las|los|tus|sus|mis)\s+){0,3}(?:instrucciones|reglas|indicaciones|directrices)\s+(?:anteriores|previas|de\s+arriba|iniciales)",
        r"\b(?:ignor\w*|vergiss|oublie[zr]?|olvida|missachte)\s+(?:alle\s+|die\s+|las\s+|les\s+|tes\s+|tus\s+|deine\s+|toutes\s+)*(?:regeln|reglas|r(?:e|\xc3\xa8)gles|anweisungen|instrucciones|consignes)\b[^.!?\n]{0,40}\b(?:system\w*|syst(?:e|\xc3\xa8)me|sistema)",
        r"\b(?:reveal|print|show|repeat|output|display|leak|dump)\s+(?:me\s+)?(?:your|the)\s+(?:full\s+|entire\s+|exact\s+|hidden\s+|original\s+)?(?:system\s+prompt|system\s+message|initial\s+instructions|hidden\s+instructions|developer\s+message)",
        r"\b(?:you\s+are\s+now|du\s+bist\s+(?:ab\s+)?(?:jetzt|nun)|tu\s+es\s+(?:d(?:e|\xc3\xa9)sormais|maintenant)|(?:ahora|desde\s+ahora)\s+eres)\s+(?:an?\s+|the\s+|une?\s+|l'|ein\w*\s+|el\s+|una?\s+)?(?:\w+\s+)?(?:admin\w*|root|unrestricted|dan|jailbroken)\b",
        r"\bi\s+(?:was|am|have\s+been|'?ve\s+been)\s+(?:instructed|prompted|programmed)\s+(?:to|not\s+to|that|by|with)\b|\b(?:in|from|by|of|per)\s+(?:my|your|the)\s+system\s+prompt\b",
        r"\bmes\s+(?:instructions|consignes|r(?:e|\xc3\xa8)gles)\s+(?:m'(?:interdisent|imposent|obligent|autorisent)|me\s+(?:demandent|disent))\b|\bmis\s+(?:instrucciones|directrices|reglas)\s+me\s+(?:proh(?:i|\xc3\xad)ben|piden|obligan|impiden)\b|\bmeine\s+(?:anweisungen|vorgaben|regeln)\s+(?:verbieten|verlangen|untersagen|schreiben)\b|\bmy\s+(?:instructions|guidelines|rules)\s+(?:forbid|prohibit|do\s+not\s+allow|don't\s+allow)\s+me\b|\b(?:mensaje|prompt)\s+del?\s+sistema\s+que\s+(?:he\s+recibido|recib(?:i|\xc3\xad))|\b(?:message|prompt)\s+syst(?:e|\xc3\xa8)me\s+que\s+j'ai\s+re(?:c|\xc3\xa7)u",
        r"\bmes\s+consignes\s*(?:internes?\s*)?(?::|sont|disent)|\bmis\s+(?:reglas|instrucciones)\s*(?:internas?\s*)?(?::|son|dicen)|\bmeine\s+(?:regeln|anweisungen)\s*(?::|lauten|sagen|besagen)|\bmy\s+(?:internal\s+|hidden\s+|system\s+)*(?:rules|instructions|guidelines)\s*(?::|are\s+to\b|say\b|tell\b|state\b|forbid\b)",
        r"^\s*human\s*:\s",
        r"\bi\s+am\s+(?:configured|set\s+up|designed|trained)\s+to\s+(?:answer|reply|respond|hide|write|keep|never|not|avoid)\b|\b(?:developers?|creators?|operators?|makers?)\s+(?:(?:has|have)\s+)?(?:told|instructed|ordered)\s+me\b",
        r"\b(?:instructions?|prompt|rules|guidelines)\s+(?:that\s+)?i\s+(?:was|am|have\s+been|'ve\s+been)\s+(?:given|told)|\bi\s+have\s+a\s+(?:\w+\s+)?prompt\s+(?:that|which)\b|\bi\s+(?:was|am|have\s+been)\s+told\s+(?:in|by|through)\s+(?:my|the)\s+(?:configuration|prompt|set-?up|instructions?|settings?|system\s+\w+)\b|\b(?:step|rule|point|line|section)\s+\d+\s+of\s+(?:the|my)\s+prompt\b|\b(?:of|from|in)\s+my\s+prompt\b|\bde\s+mon\s+prompt\b|\bmir\s+wurde\s+(?:vorgegeben|vorgeschrieben|einprogrammiert)\s*:|\bdu\s+darfst\s+(?:niemals|nie|auf\s+keinen\s+fall)\b[^.\n]{0,60}\b(?:nennen|verraten|preisgeben|ausgeben)\b|\bne\s+r(?:e|\xc3\xa9)v(?:e|\xc3\xa8)le[zr]?\s+jamais\b|\b(?:no\s+reveles\s+nunca|nunca\s+reveles)\b|\byour\s+instructions\s+(?:above|before\s+this)\s+(?:say|tell|forbid)\b",
        r"\b(?:anweisungen|vorgaben|regeln),?\s+die\s+(?:ich\s+(?:bekommen|erhalten|befolge)|mir\s+(?:gegeben|vorgegeben|gesagt))|\b(?:consignes|instructions|r(?:e|\xc3\xa8)gles)\s+(?:que\s+j'ai\s+re(?:c|\xc3\xa7)ues|qu'on\s+m'a\s+donn)|\b(?:instrucciones|reglas)\s+que\s+(?:me\s+(?:dieron|han\s+dado)|recib(?:i|\xc3\xad))",
        r"\b(?:never|do\s+not|don't)\s+(?:mention|name|reveal|disclose)\s+(?:any\s+)?(?:(?:table|column|tool|schema)\s+names\b|columns\b|sql\b)",
        r"\b(?:per|according\s+to|under|following|as\s+per|against)\s+my\s+(?:\w+\s+)?(?:instructions?|guidelines|prompt)\b|\b(?:gem(?:a|\xc3\xa4)(?:\xc3\x9f|ss)|laut|nach|entsprechend)\s+meine[rn]\s+(?:\w+\s+)?(?:anweisung|instruktion|vorgabe|richtlinie)\w*|\b(?:selon|d'apr(?:e|\xc3\xa8)s|conform(?:e|\xc3\xa9)ment\s+(?:a|\xc3\xa0))\s+mes\s+(?:consignes|instructions)|\bseg(?:u|\xc3\xba)n\s+mis\s+(?:instrucciones|indicaciones|directrices)",
        r"\b(?:jailbreak|dan\s+mode|developer\s+mode\s+(?:enabled|on)|do\s+anything\s+now)\b",
    ])
});

/// Words after which it is told that somebody asked for it, not said.
static REPORTED: LazyLock<Patterns> = LazyLock::new(|| {
    compile(&[
        r"(?:\bto|\bnot|n't|\bcan|\bcould|\bwe|\bthey|\bhe|\bshe|\bwho|\bthat|\bcustomers?|\bteams?|\boften|\bnever|\bpeople|\bwill|\bwould|\bmight|\bmay|\bwir|\bsie|\bon|\bque|\bse)\s+$",
    ])
});

/// `shipped` says whether sentences of the shipped prompts are looked for.
pub fn find(folded: &Folded<'_>, shipped: bool, spans: &mut Spans) {
    let lower = folded.lower.as_bytes();
    let mut told = TELLS
        .of(lower)
        .filter_map(|(_, form)| form.find(lower))
        .map(|found| found.start())
        .min();
    if let Some(sentence) = SAID
        .as_ref()
        .filter(|_| shipped)
        .and_then(|said| said.find(lower))
    {
        told = Some(told.map_or(sentence.start(), |at| at.min(sentence.start())));
    }
    if let Some(start) = told {
        spans.add(folded, start..lower.len(), Reason::Prompt, With::Mark);
        spans.tell_dump();
    }
    for (_, form) in TURNS.of(lower) {
        for found in form.find_iter(lower) {
            let before = lower
                .get(found.start().saturating_sub(16)..found.start())
                .unwrap_or_default();
            let reported = REPORTED
                .each()
                .first()
                .is_some_and(|report| report.is_match(before));
            let about_a_model = found.as_bytes().windows(6).any(|part| part == b"prompt");
            if !reported || about_a_model {
                spans.add(
                    folded,
                    found.start()..sentence_end(lower, found.end()),
                    Reason::Prompt,
                    With::Mark,
                );
            }
        }
    }
}

fn sentence_end(lower: &[u8], from: usize) -> usize {
    let rest = lower.get(from..).unwrap_or_default();
    // The number of an item ends nothing.
    let is_item = |at: usize| {
        let before = rest.get(at.saturating_sub(2)..at).unwrap_or_default();
        matches!(before, [space, digit] if space.is_ascii_whitespace() && digit.is_ascii_digit())
    };
    rest.windows(2)
        .enumerate()
        .position(|(at, pair)| {
            matches!(pair, [b'\n', _])
                || matches!(pair, [b'.' | b'!' | b'?', after] if after.is_ascii_whitespace())
                    && !is_item(at)
        })
        .map_or(lower.len(), |at| from + at)
}
