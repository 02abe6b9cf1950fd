//! Prompts as they stand written: marks of chats and roles, headings, templates, and the sentences that they begin with.

use std::sync::LazyLock;

use super::super::pattern::{Patterns, compile};

/// A prompt is being told: nothing after it leaves.
pub static TELLS: LazyLock<Patterns> = LazyLock::new(|| {
    compile(&[
        // Marks of chats, of many families of models.
        r"<\|[^|>\n]{1,40}\|>|\[\|[^|\]\n]{1,40}\|\]|<(?:extra_id_\d+|(?:start|end)_of_(?:turn|role|text)|(?:begin|end).of.sentence)>|\[/?(?:system_prompt|available_tools|tool_calls|tool_results)\]",
        r"^\s*(?:syst(?:e|è)me?|sistema|humain|human|machine)\s*>\s",
        r"\b(?:user|utilisateur|usuario|nutzer|benutzer|human|humain|humano)\s*[:>]\s[^\n]{1,200}?(?:\bassistant|\bai|\bia|\bki|\basistente|\bassistent)\s*[:>]\s",
        r"^\s*(?:system|template)\s+\x22\x22\x22",
        r"-{3,}\s*(?:begin|start|end|principio|inicio|fin|beginn|anfang|ende|d(?:e|é)but)\s+(?:\S+\s+){0,3}(?:instructions?|instrucciones|anweisungen|consignes|prompt)\b",
        r"\bbelow\s+is\s+an\s+instruction\s+that\s+describes\b|\ba\s+chat\s+between\s+a\s+(?:curious\s+)?(?:user|human)\b|\bhelpful,\s+detailed,?\s+and\s+polite\b",
        // Somebody gives orders to whoever reads.
        r"\[?system\s+override\]?|\b(?:ai|ki|ia)\s+(?:assistants?|assistenten?|systems?|agents?)\s+(?:processing|reading|handling|that\s+(?:process|read))\b|\b(?:directive|orders?|instructions?|rules)\s+for\s+(?:the\s+)?(?:language\s+models?|ai|assistant|llm)\b|\b(?:assistent|assistant|asistente),?\s+(?:ab\s+(?:hier|jetzt|sofort)\s+gelten|from\s+now\s+on|desde\s+ahora|(?:à|a)\s+partir\s+de\s+maintenant)\b|\b(?:omite|ignora|olvida|salta)\s+tus\s+(?:reglas|instrucciones|directrices)\b|\b(?:ignore|oublie)\s+tes\s+(?:r(?:è|e)gles|instructions|consignes)\b|\b(?:ignoriere|vergiss)\s+deine\s+(?:regeln|anweisungen|vorgaben)\b",
        // Who it is told to be, by a name of its own.
        r"^\s*(?:you\s+are|du\s+bist|tu\s+es|vous\s+(?:ê|e)tes|eres)\s+(?:\xc2\xab\s*|\x22)?[\w\x80-\xff-]+(?:\s*\xc2\xbb|\x22)?,\s+(?:the\s+|an?\s+|l'|le\s+|la\s+|el\s+|der\s+|die\s+)?(?:[\w\x80-\xff-]+\s+){0,3}(?:assistant|assistante|asistente|assistent|assistentin|copilote?|kopilot|copiloto|agent|agente)\b",
        // What a model thinks before it answers.
        r"\xe2\x97\x81/?think|</?(?:think|thinking|reasoning|scratchpad)>",
        r"\b(?:note|nota|hinweis|nachricht|message|mensaje)\s+(?:to|for|an|au|al|f(?:ü|ue)r)\s+(?:the\s+|das\s+)?(?:model|modell|mod(?:è|e)le|modelo)\s*:",
        r"\bne\s+tiens?\s+(?:plus|pas)\s+compte\s+des\s+(?:directives|consignes|instructions|r(?:è|e)gles)\b|\bno\s+tengas\s+en\s+cuenta\s+(?:las\s+)?(?:directrices|instrucciones|indicaciones|reglas)\b|\bbeachte\s+(?:die\s+)?(?:bisherigen|erhaltenen|vorherigen)\s+(?:anweisungen|vorgaben|regeln)\s+nicht\b",
        r"^\s*(?:thoughts?|pensamiento|gedanke(?:ngang)?|r(?:e|é)flexion\s+interne|internal\s+(?:reasoning|monologue)|chain\s+of\s+thought)\s*:\s",
        // Somebody speaks to models.
        r"\b(?:ai|ki|ia|chatbot|llm)\s+reading\s+this\b|\b(?:note|hint|message|attention|instruction|hinweis|nachricht|(?:regie)?anweisung|nota|aviso|mensaje|consigne|l'attention)\s+(?:to|for|an|(?:a|à)|para|de|pour)\s*(?:(?:the|any|all|every|jede\w*|die|den|das|alle|la|le|les|el|cualquier|todos?|tout\w*)\s+|l')?(?:ai|ki|ia|chatbots?|llms?|sprachmodelle?|language\s+models?|(?:ai|ki)[\s-]\w+|mod(?:è|e)les?\s+de\s+langage|modelos?\s+de\s+lenguaje|modelo\s*(?:-|:|\xe2\x80[\x93\x94]))",
        // How it is run.
        r"\btop_p\b|\bnum_ctx\b|\bmax_tokens\b|\b(?:temperatur[ae]?|temp(?:e|é)rature)\s+(?:\S+\s+){0,2}[01][.,]\d\b[^!?\n]{0,80}\b(?:tokens?|jetons)\b|\b\d+k?\s+(?:tokens?|jetons)\b[^!?\n]{0,60}\btemp(?:e|é)ratur",
        r"<\|(?:im_start|im_end|system|user|assistant|endoftext|start_header_id|end_header_id|begin_of_text|eot_id|python_tag|end|channel|message|start)\|?>?|<\|[a-z_ ]{2,40}\|>",
        r"\[/?inst\]|<</?sys>>|</?s>\s*\[inst|</?(?:system|system[\s_-]prompt|developer|instructions|system[\s_-](?:instructions?|message))>",
        // Who it is told to be.
        r"\b(?:you\s+are\s+(?:now\s+)?(?:called\s+|named\s+)?|du\s+bist\s+|sie\s+sind\s+|tu\s+es\s+|vous\s+(?:e|\xc3\xaa)tes\s+|eres\s+|usted\s+es\s+)daybrief\b",
        r"\byou(?:\s+are|'re)\s+(?:an?\s+|the\s+)?(?:\w+\s+){0,4}(?:ai\s+(?:assistant|model|agent|system|chatbot)|(?:helpful|virtual|digital|ai|expert|friendly|concise|data|reporting|business|briefing|sql|intelligent|professional)\s+assistant|assistant\s+(?:that|who|which|for\s+the\s+company)|language\s+model|chatbot|llm|agent\s+that)\b|\byou\s+are\s+an\s+ai\s*[.,;:]|\byou\s+are\s+\w+,\s+(?:an?|the)\s+(?:\w+\s+){0,3}(?:(?:helpful|virtual|digital|ai|expert|friendly|concise|data|reporting|business)\s+assistant|chatbot|bot)\b",
        r"\b(?:du\s+bist|sie\s+sind)\s+(?:ein\w*\s+)?(?:\w+\s+){0,3}(?:ki\b|ki-\w+|sprachmodell|chatbot|(?:hilfreich\w*|virtuell\w*|digital\w*)\s+assisten[tz])|\bdu\s+bist\s+(?:ein|der|die)\s+assistent",
        r"\b(?:tu\s+es|vous\s+(?:e|\xc3\xaa)tes)\s+(?:une?\s+)?(?:\w+\s+){0,3}(?:ia|mod(?:e|\xc3\xa8)le\s+de\s+langage|chatbot|assistante?\s+(?:ia|virtuel\w*|num\S+rique|utile|serviable))\b|\btu\s+es\s+une?\s+(?:\w+\s+){0,2}assistante?\b",
        r"\b(?:eres|usted\s+es)\s+(?:una?\s+)?(?:\w+\s+){0,3}(?:ia|modelo\s+de\s+lenguaje|chatbot|asistente\s+(?:de\s+ia|virtual|\S*til))\b|\beres\s+una?\s+(?:\w+\s+){0,2}asistente\b",
        r"\bas\s+an?\s+(?:ai\s+(?:language\s+)?(?:model|assistant)|(?:large\s+)?language\s+model)\b|\bals\s+(?:ki-?\s?)?(?:sprachmodell|ki-?assistent)\b|\ben\s+tant\s+qu(?:'ia|e\s+mod(?:e|\xc3\xa8)le\s+de\s+langage)\b|\bcomo\s+modelo\s+de\s+lenguaje\b",
        r"\b(?:you\s+are\s+an?|du\s+bist\s+eine?|sie\s+sind\s+eine?|tu\s+es\s+une?|vous\s+(?:e|\xc3\xaa)tes\s+une?|eres\s+una?)\s+(?:[\w\x80-\xff-]+\s+){0,2}(?:analyst|analystin|copilot|kopilot|analyste|analista|copilote|copiloto)\b|\b(?:tu\s+es\s+une?|eres\s+una?)\s+(?:[\w\x80-\xff-]+\s+){0,2}(?:experte?|conseill(?:er|(?:e|\xc3\xa8)re)|agente?|experta|asesora?)\b",
        // What it was told.
        r"\b(?:my|your)\s+(?:full\s+|exact\s+|original\s+|complete\s+|initial\s+|hidden\s+|secret\s+)*(?:system|developer)[\s-]?(?:prompt|message|instructions?)\b|\b(?:the|this)\s+(?:system|developer)\s+(?:message|prompt|instructions?)\s+(?:(?:that\s+)?i\s+(?:received|got|have|was\s+(?:given|sent|shown))\s+)?(?:reads?|says?|states?|tells\s+me)\b|\b(?:the|this|our|its)\s+(?:full\s+|exact\s+|original\s+|complete\s+|hidden\s+)*system[\s-]prompt\s*(?:is|are|was|reads?|says?|said|states?|tells?|contains?|begins?|starts?|instructs?|follows|verbatim|in\s+full|:|=)",
        r"\bsystem[\s_-]?prompt\s*[:=]|\b(?:begin|start|end)\s+(?:of\s+)?(?:the\s+)?system\s+(?:prompt|instructions)\b",
        r"\b(?:developer\s+(?:message|prompt)|message\s+du\s+d(?:e|\xc3\xa9)veloppeur|mensaje\s+del\s+desarrollador|entwickler-?nachricht)[^.!?\n:]{0,40}:",
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
        r"^\s*(?:system|syst(?:e|è)me|sistema)\s*:[^\n]*\n\s*(?:user|utilisateur|usuari[oa]|nutzer(?:in)?|benutzer(?:in)?|human|humain|assistante?|asistente|assistent(?:in)?)\s*:",
        r"^\s*#{2,}\s*(?:instruktion(?:en)?|instrucci(?:o|ó)n(?:es)?|consigne)\s*:?\s*$",
        r"^\s*#{2,}\s*(?:system|instructions?|assistant|human|user|response|instrucci(?:o|\xc3\xb3)n(?:es)?|anweisung(?:en)?|consignes?)\s*:",
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
