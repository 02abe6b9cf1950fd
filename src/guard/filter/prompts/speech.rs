//! What somebody says of the instructions that they were given, and what tells them to forget these.
//!
//! Who answers is a model: "my instructions" are its prompt, and a rule that "forbids me" is one of them. People who report
//! of themselves say such things too, but hardly ever in an answer to somebody else.

use std::sync::LazyLock;

use super::super::pattern::{Patterns, compile};

/// What somebody calls a prompt of its own: who answers has no other instructions than these. Rules of one's own are told to be
/// internal, or say something.
const OWN: &str = concat!(
    r"\b(?:my\s+(?:\w+\s+){0,2}(?:instructions?|guidelines|directives?)|my\s+(?:programming|configuration|training)\s+(?:says?|forbids?|prevents?|does|tells?|requires?|states?|limits?|is\s+to)",
    r"|meine[nrm]?\s+(?:\w+\s+){0,2}(?:(?:system|grund|start|dienst)?(?:vorgaben?|anweisung(?:en)?)|richtlinien|instruktionen|systemnachricht|systemanweisung(?:en)?)",
    r"|mein(?:e[mnrs])?\s+(?:\w+\s+){0,2}\S{0,12}prompts?",
    r"|mes\s+(?:\w+\s+){0,2}(?:consignes|instructions|directives)|mon\s+invite\s+syst(?:e|è)me",
    r"|mis\s+(?:\w+\s+){0,2}(?:instrucciones|directrices|indicaciones|prompts?)|mi\s+(?:\w+\s+){0,2}prompt",
    r"|(?:my\s+hidden\s+(?:context|notes?)|mein\w*\s+(?:versteckte|verborgene)\w*\s+\w+|mi\s+contexto\s+oculto|mon\s+contexte\s+cach|my\s+(?:internal|hidden|system|secret|operating)\s+rules|meine[nrm]?\s+(?:internen|geheimen|festen)\s+regeln)",
    r"|(?:mes\s+r(?:e|\xc3\xa8)gles\s+(?:internes|secr(?:e|\xc3\xa8)tes)|mis\s+reglas\s+(?:internas|secretas)))\b",
    // "Prompt" is an adjective too.
    r"|\b(?:my|mon|mes)\s+(?:\w+\s+){0,2}prompts?(?:\s+(?:is|was|says?|said|reads|tells?|told|forbids?|contains|states|asks|does|allows|requires|instructs",
    r"|begins|starts|and|that|which|dit|est|indique|interdit|contient|demande|commence|impose|m'\w+|me)\b|\s*[:.,;!?)\x22]|\s*$)",
    r"|\b(?:my\s+rules|meine\s+regeln|mes\s+r(?:e|\xc3\xa8)gles|mis\s+reglas)\s*(?::|(?:are\s+to|say|tell|state|forbid|prohibit|lauten|sagen|besagen|verbieten|verlangen|untersagen",
    r"|sont|disent|m'interdisent|m'imposent|m'obligent|me\s+demandent|son|dicen|me\s+proh(?:i|\xc3\xad)ben|me\s+piden|me\s+obligan|me\s+impiden)\b)",
);

/// What somebody calls the text that it was given.
const GIVEN: &str = r"\b(?:text|message|instructions?|rules|guidelines|prompt)\s+(?:that\s+)?i\s+(?:was|am|have\s+been|'ve\s+been)\s+(?:given|told|shown|sent)\b|\b(?:text|anweisungen|vorgaben|regeln|prompt),?\s+(?:(?:den|die)\s+ich\s+(?:bekam|bekommen|erhalten|erhielt|befolge)|(?:der|die)\s+mir\s+(?:gegeben|vorgegeben|gesagt|mitgegeben))|\b(?:texte|message|consignes|instructions|r(?:e|\xc3\xa8)gles|prompt)\s+(?:\S+\s+)?(?:que\s+j'ai\s+re(?:c|\xc3\xa7)ue?s?|qu'on\s+m'a\s+donn|qui\s+m'(?:a|ont)\s+(?:e|\xc3\xa9)t(?:e|\xc3\xa9)\s+(?:donn|transmis|fourni))|\b(?:texto|mensaje|instrucciones|reglas|normas|indicaciones|prompt)\s+(?:\w+\s+)?que\s+(?:me\s+(?:dieron|han\s+dado)|se\s+me\s+(?:dio|dieron)|recib(?:i|\xc3\xad)|he\s+recibido)";

/// It speaks of what it was told; the sentence is left out.
pub static SPEAKS: LazyLock<Patterns> = LazyLock::new(|| {
    compile(&[
        OWN,
        GIVEN,
        // Who set it up, and how.
        r"\bi\s+(?:was|am|have\s+been|'ve\s+been)\s+(?:set\s+up|configured|primed|programmed|deployed|prompted)\s+(?:with|to|by|so|as|for|on|in)\b|\b(?:operators?|developers?|makers?|creators?|programmers?)\s+(?:has\s+|have\s+)?(?:configured|told|instructed|programmed|ordered|forbidden|primed)\s+me\b|\bmy\s+(?:persona|rulebook|guardrails|operator|context\s+window|temperature)\b",
        r"\b(?:ich\s+wurde|bin\s+ich|wurde\s+ich)\s+(?:\S+\s+){0,3}(?:programmiert|angewiesen|konfiguriert|instruiert)\b|\bmein\w*\s+(?:entwickler|betreiber|programmierer)\w*\s+(?:hat|haben)\s+mi(?:r|ch)\b|\bmein\w*\s+(?:grundeinstellung|rollenbeschreibung|persona|systemrolle|leitplanken)\b|\bmein\s+auftrag\s+(?:lautet|begann|beginnt)\b",
        r"\b(?:l')?on\s+m'(?:a|injecte)\s+(?:\S+\s+){0,2}(?:intim|ordonn|programm|configur|impos|interdit|note\s+invisible|donn\S{1,2}\s+au\s+d(?:e|é)part)|\b(?:mon\s+cr(?:é|e)ateur\s+m'a|ma\s+fiche)\b|\bma\s+(?:fiche\s+de\s+personnage|notice\s+de\s+d(?:e|é)part|configuration|persona)\b|\bmon\s+(?:cahier\s+des\s+charges\s+cach|texte\s+d'initialisation|op(?:e|é)rateur|d(?:e|é)veloppeur|concepteur)|\bmes\s+(?:garde-fous|concepteurs)\b|\bgliss(?:e|é)e?s?\s+avant\s+(?:votre|ta|la)\s+question\b",
        r"\bme\s+(?:programaron|configuraron|entrenaron|instruyeron)\b|\bme\s+(?:asignaron|ense(?:n|ñ)aron)\s+(?:\S+\s+){0,2}(?:formato|encenderme|arrancar)|\bmis\s+(?:pautas|barreras|salvaguardas)\b|\bquien\s+me\s+(?:despleg|program|configur)",
        // What forbids it something, and what it was given.
        r"\b(?:text|words|rules?|rulebook|guidance|guidelines?|instructions?|policy|prompt|set-?up|configuration|persona|paragraph|block|dialogue)\b[^.!?\n]{0,60}?(?:\bi\s+(?:was|am|have\s+been)\s+(?:given|handed|shown|told|sent|set\s+up|started|loaded|fed)\b|\b(?:tells?|bars?|forbids?|obliges?|instructs?|describes?)\s+me\b|\bplaced\s+(?:ahead|before|above)\b[^.!?\n]{0,30}\b(?:conversation|question|chat)\b)",
        r"\b(?:text|vorgaben?|(?:verhaltens)?regeln?|anweisung(?:en)?|nachricht|absatz|konfiguration|rolle|vorlage)\b[^.!?\n]{0,70}?\b(?:mir\s+(?:\S+\s+){0,4}(?:vorgegeben|mitgegeben|hinterlegt|zugrunde|vorgeschrieben|auferlegt|eingespielt)|mit\s+de[mr]\s+ich\s+(?:gestartet|eingerichtet|konfiguriert|trainiert))\b|\bmir\s+(?:\S+\s+){0,3}(?:hinterlegten|vorgegebenen|mitgegebenen)\s+\S*(?:regeln|vorgaben|anweisungen|texte?)\b|\bwas\s+mir\s+(?:\S+\s+){0,4}(?:vorgegeben|mitgegeben)\b",
        r"\b(?:consignes?|notice|r(?:e|è)gles?|texte|message|paragraphe|bloc|charte|article)\b[^.!?\n]{0,70}?(?:\bm'(?:interdi|impos|oblige|ordonn|enjoin)|\bme\s+(?:d(?:e|é)fend|prescri|commande)|\bexigent?\s+que\s+je\b|\bexige\s+que\s+je\b)",
        r"\b(?:norma|reglas?|texto|mensaje|p(?:a|á)rrafo|bloque|pol(?:i|í)tica|gui(?:o|ó)n|pautas?|encargo|contexto)\b[^.!?\n]{0,70}?\b(?:me\s+(?:proh(?:i|í)be|obliga|manda|impuso|impone|impide|ordena|gobierna|presenta\s+como)|que\s+(?:tengo\s+cargad|llevo\s+(?:incorporad|dentro)|define\s+mi\s+conducta|t(?:u|ú)\s+no\s+ves))",
        // Who it is told to be.
        r"\byou\s+are\s+(?:[\w\x80-\xff-]+,\s+)?(?:the|an?)\s+[^.!?\n]{0,40}\b(?:briefing|desk|numbers|data|virtual|digital|reporting|support|friendly)\S*\s+(?:companion|assistant|helper|agent|bot|buddy|concierge|aide)\b|\byou\s+help\s+[\w\s]{1,30}\b(?:read|understand|answer|find)\b",
        r"\bdu\s+bist\s+(?:der|die|das)\s+[^.!?\n]{0,30}(?:helfer|assisten\w+|agent|bot|begleiter|analyst)\w*\b|\bstell\s+dir\s+vor,\s+du\s+w(?:ä|ae)rst\b|\btu\s+so,\s+als\s+h(?:ä|ae)ttest\b|\bdeine\s+antworten\s+(?:umfassen|sind|enthalten)\b",
        r"\btu\s+es\s+[\w\x80-\xff-]+,\s+[^.!?\n]{0,30}(?:conseill|assistant|agent|analyste|expert)|\btu\s+(?:ne\s+)?(?:assistes|vouvoies|tutoies|r(?:e|é)ponds\s+aux|agis\s+sans|parles\s+jamais)\b|\bsi\s+l'on\s+te\s+demande\b",
        r"\beres\s+(?:el|la)\s+[^.!?\n]{0,30}(?:analista|asistente|portavoz|agente|asesor|secretari|ayudante)|\b(?:nunca|jam(?:a|á)s)\s+(?:desgloses|respondas|digas|uses|compartas|cites|des)\b",
        r"\bd(?:e|é)sormais\s+tu\b|\bfrom\s+now\s+on,?\s+you\s+(?:are|act|obey)\b|\bab\s+(?:jetzt|hier|sofort)\s+(?:bist\s+du|gelten\s+nur)\b|\ba\s+partir\s+de\s+ahora\s+(?:eres|act(?:u|ú)as)\b",
        // What stands before what is said, and what it does to who answers.
        r"\b(?:stands?|stood|written|placed|sits?|said|put|comes?|came)\s+(?:above|before|ahead\s+of)\s+(?:our|this|your)\s+(?:conversation|chat|dialogue|exchange|question|first\s+message)\b|\b(?:steht|stand|geschrieben|gestellt)\s+(?:(?:ü|ue)ber|vor)\s+(?:unserem|diesem|ihrem|deinem)\s+(?:gespr(?:ä|ae)ch|chat|dialog|austausch)\b|\b(?:(?:é|e)crit|plac(?:é|e)|figure|dit)\s+(?:avant|au-dessus\s+de)\s+(?:notre|votre|cette)\s+(?:conversation|(?:é|e)change|discussion|question)\b|\b(?:est(?:á|a)|escrito|puesto|figura|dice)\s+(?:antes\s+de|(?:por\s+)?encima\s+de)\s+(?:nuestra|esta|su|tu)\s+(?:conversaci(?:ó|o)n|charla|pregunta)\b",
        r"\b(?:text|words|lines|document|paragraph)\s+(?:that|which)\s+(?:guides?|governs?|steers?|frames?|binds?)\s+me\b|\b(?:text|worte|zeilen|absatz|dokument),?\s+(?:der|die|das)\s+mich\s+(?:leitet|leiten|anleitet|anleiten|steuert|steuern|bindet|lenkt)\b|\b(?:texte|phrases?|lignes|document|bloc)\s+qui\s+me\s+(?:guide(?:nt)?|r(?:é|e)git|r(?:é|e)gissent|cadre(?:nt)?|gouverne(?:nt)?|lie(?:nt)?|pilote(?:nt)?)\b|\b(?:texto|frases|l(?:í|i)neas|documento|bloque)\s+que\s+me\s+(?:gu(?:í|i)an?|rigen?|gobiernan?|orientan?|atan?)\b",
        r"\b(?:developer|system)\s+(?:message|note|prompt)\s+(?:asks|tells|wants|requires|instructs|orders)\s+me\b|\b(?:mensaje|nota|texto)\s+(?:del?\s+)?(?:sistema|desarrollador)\s+que\s+(?:tengo|llevo|he|recib|me)\b|\b(?:message|note|texte)\s+(?:syst(?:e|è)me|du\s+d(?:é|e)veloppeur)\s+que\s+(?:j'|je\b)|\bsystemnachricht,?\s+die\s+(?:ich|mir)\b",
        // How it was set up, and by whom.
        r"\bmy\s+set-?up\s+(?:asks|tells|forbids|says|requires|wants)\b|\b(?:people|team|those|whoever|company|one)\s+(?:who|that)\s+(?:configured|built|deployed|set)\s+me\b|\bi\s+was\s+given\s+(?:this|these|the\s+following)\s+(?:line|lines|text|words|instructions?|sentence)\b|\bi(?:'ve|\s+have)\s+been\s+(?:handed|given|told)\s+at\s+the\s+(?:start|beginning|outset)\b|\bbefore\s+(?:the|this|our)\s+conversation\s+began\b",
        r"\bbin\s+ich\s+(?:so|wie\s+folgt)\s+eingestellt\b|\bich\s+bin\s+(?:so|wie\s+folgt)\s+eingestellt\b|\b(?:mir|mich)\s+(?:\S+\s+)?(?:beim|bei\s+der)\s+(?:einrichten|einrichtung|konfiguration|start)\b|\boberhalb\s+(?:ihrer|deiner|unserer)\s+(?:ersten\s+)?(?:nachricht|frage|unterhaltung)\b",
        r"\bon\s+m'a\s+(?:ainsi\s+)?(?:r(?:é|e)gl|configur|param(?:é|e)tr|initialis)|\b(?:paragraphe|texte|message|lignes?|mots)\s+que\s+j'ai\s+re(?:ç|c)u\w*\s+(?:avant|au\s+d(?:é|e)(?:but|part)|en\s+premier)\b",
        r"\bme\s+han\s+(?:configurado|programado|ajustado|instruido|preparado)\b|\bse\s+me\s+(?:encomend(?:ó|o)|indic(?:ó|o)|orden(?:ó|o)|pidi(?:ó|o))\s+al\s+(?:ponerme|arrancar|configurar|iniciar)|\b(?:directrices|instrucciones|reglas|pautas|consignas)\s+que\s+recib(?:í|i)\b|\bmensaje\s+del\s+(?:desarrollador|sistema)\s+(?:dice|indica|pide|ordena|manda)\s+que\s+(?:no\s+)?(?:puedo|debo|tengo|yo)\b",
        // What it was made to do.
        r"\b(?:rule|line|point|section|step|paragraph)\s+\S+\s+of\s+my\s+(?:\w+\s+)?(?:configuration|set-?up|prompt|guidelines|instructions)\b|\bi\s+(?:was|am|have\s+been|'?ve\s+been)\s+(?:asked|ordered|told|instructed|directed)\s+(?:never|not|always|only)\s+to\b|\bhidden\s+instructions?\b|\b(?:instruction|anweisung|consigne|instrucci(?:ó|o)n)\s+(?:of|by|from|des|du|del)\s+(?:the\s+)?(?:operator|betreibers|op(?:é|e)rateur|operador)\b",
        r"\bmir\s+(?:ist|wurde|war|sind|wurden)\s+(?:\S+\s+){0,2}(?:vorgegeben|auferlegt|vorgeschrieben)\b|\bmit\s+de[mr]\s+ich\s+(?:gestartet|eingerichtet|konfiguriert|aufgesetzt)\s+(?:werde|wurde|bin)\b|\bversteckte[nr]?\s+anweisung|\bvorgaben\s+geheim\b|\b(?:vorspann|vortext),?\s+(?:mit|den|der)\b",
        r"\b(?:l')?on\s+m'a\s+(?:demand(?:é|e)|ordonn(?:é|e)|enjoint|prescrit|interdit)\s+(?:de|d')\s*(?:ne\s+(?:jamais|pas)|toujours|rester|citer|r(?:é|e)pondre|parler|(?:é|e)crire|taire)|\b(?:r(?:è|e)gles?|consignes?|directives?|instructions?)\s+qui\s+me\s+sont\s+(?:impos|donn|fix|assign)|\bmon\s+(?:cadrage|param(?:é|e)trage|amorce|pr(?:é|e)ambule)\b|\bparam(?:é|e)trage\b[^.!?\n]{0,30}\bpr(?:é|e)c(?:è|e)de\s+(?:notre|cet|cette)\s+(?:(?:é|e)change|conversation)|\binstruction\s+cach(?:é|e)e\b",
        r"\bse\s+me\s+ha\s+(?:ordenado|pedido|prohibido|indicado|encargado|instruido|mandado)\s+(?:no|que|nunca|siempre|hablar|responder|contestar|callar|ocultar)\b|\b(?:con\s+las\s+que\s+)?fui\s+(?:configurad|programad|entrenad|instruid)[oa]\b|\b(?:directrices|instrucciones|reglas|pautas|l(?:í|i)neas|indicaciones)\s+que\s+(?:me\s+(?:cargaron|dieron|impusieron|pusieron|fijaron)|recibo\s+antes)\b|\binstrucci(?:ó|o)n\s+oculta\b",
        // What it is told not to name.
        r"\bthe\s+(?:language\s+)?model\s+you\s+(?:use|are|run\s+on)\b|\bmodelo\s+que\s+(?:usas|utilizas|empleas|eres)\b|\bmod(?:e|è)le\s+que\s+tu\s+(?:utilises|emploies|es)\b|\bmodell,?\s+das\s+du\s+(?:nutzt|benutzt|verwendest|bist)\b|\bno\s+nombres\s+(?:nunca\s+)?(?:las\s+|los\s+|tus\s+)?(?:fuentes|herramientas)\b|\bnenne\s+(?:nie|niemals|keine)\s+(?:\S+\s+)?(?:quellen|werkzeuge|systeme|tools)\b|\bne\s+nomme\s+(?:jamais|pas|aucun\w*)\s+(?:\S+\s+)?(?:sources|outils|syst(?:e|è)mes)\b|\bnever\s+name\s+(?:\S+\s+){0,2}(?:sources|tools|systems|model)\b",
        // How it is told to answer.
        r"\b(?:use|rely\s+on)\s+only\s+(?:the\s+)?(?:\w+\s+){0,2}(?:tools?|context)\b|\bonly\s+use\s+the\s+(?:provided|given|available)\s+(?:tools?|context|documents?)\b|\b(?:never|do\s+not|don't)\s+(?:invent|make\s+up|fabricate|hallucinate|guess)\s+(?:any\s+|the\s+)?(?:figures?|numbers?|facts?|data|values?|sources?|answers?)\b|\b(?:answer|respond|reply)\s+(?:only|exclusively|strictly)\s+(?:from|with|using|based\s+on|in)\s+(?:the\s+)?(?:\w+\s+)?(?:context|tools?|json|documents?\s+(?:above|below|provided))\b",
        r"\b(?:verwende|benutze|nutze)\s+(?:nur|ausschlie(?:ss|\xc3\x9f)lich|keine|niemals|nie)\b[^.!?\n]{0,40}(?:werkzeug|tool|kontext|abfrage|namen\s+von)|\bantworte\s+(?:\w+\s+)?(?:nur|ausschlie(?:ss|\xc3\x9f)lich|immer|stets|niemals|nie|knapp|h(?:o|\xc3\xb6)flich|auf\s+(?:deutsch|englisch)|im\s+json|mit\s+daten)\b|\bgib\s+(?:den|diesen|deinen|keine|niemals|nie)\b[^.!?\n]{0,40}(?:prompt|anweisung|abfrage|sql|tabellennamen)|\berfinde\s+(?:keine|nichts|nie|niemals)\b|\bignoriere\s+(?:versuche|anweisungen|alle\s+anweisungen)\b",
        r"\b(?:utilise|emploie)\s+(?:uniquement|seulement|exclusivement|toujours)\b|\bn'invente\s+(?:aucun|jamais|pas|rien)|\br(?:e|\xc3\xa9)ponds\s+(?:toujours|uniquement|seulement|en\s|de\s+fa(?:c|\xc3\xa7)on|avec|sans|bri(?:e|\xc3\xa8)vement|poliment)|\bne\s+(?:mentionne|cite|r(?:e|\xc3\xa9)v(?:e|\xc3\xa8)le|divulgue|montre)\s+(?:jamais|pas|aucun)",
        r"\b(?:usa|utiliza|emplea)\s+(?:solo|s(?:o|\xc3\xb3)lo|(?:u|\xc3\xba)nicamente|exclusivamente|siempre)\b|\b(?:no|nunca)\s+(?:inventes|menciones|reveles|divulgues|muestres|cites)\b|\bresponde\s+(?:siempre|solo|s(?:o|\xc3\xb3)lo|(?:u|\xc3\xba)nicamente|brevemente)\b",
        r"\b(?:im|laut|aus\s+dem|in\s+diesem)\s+prompt\b|\bprompt\s+steht\b|\b(?:dans|selon|d'apr(?:e|\xc3\xa8)s)\s+(?:le|ce|mon)\s+prompt\b|\b(?:en|del|seg(?:u|\xc3\xba)n)\s+(?:el\s+|mi\s+)?prompt\b|\bthe\s+prompt\s+(?:says|states|tells|forbids|asks\s+me|instructs|requires)\b|\b(?:llamadas\s+a\s+herramientas|appels\s+d'outils|tool\s+calls\s+per\s+(?:turn|question|answer)|werkzeugaufrufe)\b",
        r"\bi\s+(?:was|am|have\s+been|'?ve\s+been)\s+(?:instructed|told)\s+(?:(?:to|not\s+to|never\s+to|always\s+to)\s+(?:always\s+|never\s+|only\s+|not\s+|politely\s+|briefly\s+)?(?:answer|respond|reply|reveal|disclose|mention|discuss|show|name|hide|summari[sz]e|cite|avoid|pretend|refuse|decline|speak|write\s+in|never|always|use\s+only|only|keep\s+(?:my|the|every|all|answers|it\s+short)|not\s+(?:share|use|give)|share\s+(?:no|only))\b|(?:by|in)\s+(?:my|the)\s+(?:system|developer|operator|prompt)|with\s+the\s+following)|\b(?:in|from|by|of|per)\s+(?:my|your|the)\s+system\s+prompt\b",
        r"\b(?:mensaje|prompt)\s+del?\s+sistema\s+que\s+(?:he\s+recibido|recib(?:i|\xc3\xad))|\b(?:message|prompt)\s+syst(?:e|\xc3\xa8)me\s+que\s+j'ai\s+re(?:c|\xc3\xa7)u",
        r"\bi\s+am\s+(?:configured|set\s+up|designed|trained)\s+to\s+(?:answer|reply|respond|hide|write|keep|never|not|avoid)\b|\b(?:developers?|creators?|operators?|makers?)\s+(?:(?:has|have)\s+)?(?:told|instructed|ordered)\s+me\b",
        r"\bi\s+have\s+a\s+(?:\w+\s+)?prompt\s+(?:that|which)\b|\bi\s+(?:was|am|have\s+been)\s+told\s+(?:in|by|through)\s+(?:my|the)\s+(?:configuration|prompt|set-?up|instructions?|settings?|system\s+\w+)\b|\b(?:step|rule|point|line|section)\s+\d+\s+of\s+(?:the|my)\s+prompt\b|\bmir\s+wurde\s+(?:vorgegeben|vorgeschrieben|einprogrammiert)\s*:|\bdu\s+darfst\s+(?:niemals|nie|auf\s+keinen\s+fall)\b[^.\n]{0,60}\b(?:nennen|verraten|preisgeben|ausgeben)\b|\bne\s+r(?:e|\xc3\xa9)v(?:e|\xc3\xa8)le[zr]?\s+jamais\b|\b(?:no\s+reveles\s+nunca|nunca\s+reveles)\b|\byour\s+instructions\s+(?:above|before\s+this)\s+(?:say|tell|forbid)\b",
    ])
});

/// Somebody is told to forget what they were told; the sentence is left out.
pub static FORGETS: LazyLock<Patterns> = LazyLock::new(|| {
    compile(&[
        r"\b(?:disregard|forget|ignore)\s+what\s+you\s+(?:were|have\s+been)\s+(?:told|taught)\b|\bfais\s+abstraction\s+de\s+(?:tes|vos)\b|\bolvida\s+lo\s+que\s+te\b|\bvergiss,?\s+was\s+(?:man\s+)?dir\b|\boublie\s+ce\s+qu'on\s+t'a\b",
        r"\b(?:ignore|disregard|forget|override|bypass|discard)\s+(?:(?:all|any|the|your|my|our|of|these|those|every)\s+){0,4}(?:(?:previous|prior|above|earlier|preceding|foregoing|existing|original|initial|former|system|past)\s+){1,2}(?:instructions?|prompts?|rules|guidelines|directives?|constraints|system\s+prompt)",
        r"\b(?:ignore|disregard|forget|override|bypass)\s+(?:all\s+(?:of\s+)?)?your\s+(?:\w+\s+)?(?:instructions?|prompts?|rules|guidelines|programming|training|restrictions)|\b(?:ignore|disregard|forget)\s+(?:all\s+|the\s+)*(?:instructions?|prompts?|rules)\s+(?:above|before|so\s+far|given|you)|\b(?:ignore|disregard)\s+all\s+(?:instructions?|rules|prompts?)\b",
        r"\b(?:ignore|disregard|forget)\s+(?:everything|all)\s+(?:above|before\s+this|prior|you\s+(?:were|have\s+been)\s+told|that\s+came\s+before|i\s+said)",
        r"\b(?:ignorier(?:e|en\s+sie|t)?|vergiss|vergessen\s+sie|missachte)\s+(?:(?:alle|die|deine|ihre|s(?:a|\xc3\xa4)mtliche|meine)\s+){0,3}(?:(?:vorherigen?|bisherigen?|vorigen?|obigen?|fr(?:u|\xc3\xbc)heren?|vorangegangenen?|vorhergehenden?|urspr(?:u|\xc3\xbc)nglichen?)\s+){1,2}(?:anweisungen|instruktionen|regeln|befehle|vorgaben|prompts?|nachrichten)",
        r"\b(?:ignore[zr]?|oublie[zr]?)\s+(?:(?:toutes?|tous|les|tes|vos|mes)\s+){0,3}(?:instructions|consignes|r(?:e|\xc3\xa8)gles|directives)\s+(?:pr(?:e|\xc3\xa9)c(?:e|\xc3\xa9)dentes?|ci-dessus|ant(?:e|\xc3\xa9)rieures?|initiales)",
        r"\b(?:ignor[ae]r?|olvida|olvide)\s+(?:(?:todas?|todos|las|los|tus|sus|mis)\s+){0,3}(?:instrucciones|reglas|indicaciones|directrices)\s+(?:anteriores|previas|de\s+arriba|iniciales)",
        r"\b(?:ignor\w*|vergiss|oublie[zr]?|olvida|missachte)\s+(?:alle\s+|die\s+|las\s+|les\s+|tes\s+|tus\s+|deine\s+|toutes\s+)*(?:regeln|reglas|r(?:e|\xc3\xa8)gles|anweisungen|instrucciones|consignes)\b[^.!?\n]{0,40}\b(?:system\w*|syst(?:e|\xc3\xa8)me|sistema)",
        r"\b(?:reveal|print|show|repeat|output|display|leak|dump)\s+(?:me\s+)?(?:your|the)\s+(?:full\s+|entire\s+|exact\s+|hidden\s+|original\s+)?(?:system\s+prompt|system\s+message|initial\s+instructions|hidden\s+instructions|developer\s+message)",
        r"\b(?:you\s+are\s+now|du\s+bist\s+(?:ab\s+)?(?:jetzt|nun)|tu\s+es\s+(?:d(?:e|\xc3\xa9)sormais|maintenant)|(?:ahora|desde\s+ahora)\s+eres)\s+(?:an?\s+|the\s+|une?\s+|l'|ein\w*\s+|el\s+|una?\s+)?(?:\w+\s+)?(?:admin\w*|root|unrestricted|dan|jailbroken)\b",
        r"^\s*human\s*:\s",
        r"\b(?:never|do\s+not|don't)\s+(?:mention|name|reveal|disclose)\s+(?:any\s+)?(?:(?:table|column|tool|schema)\s+names\b|columns\b|sql\b)",
        r"\b(?:jailbreak|dan\s+mode|developer\s+mode\s+(?:enabled|on)|do\s+anything\s+now)\b",
    ])
});

/// Words after which it is told that somebody asked for it, not said.
pub static REPORTED: LazyLock<Patterns> = LazyLock::new(|| {
    compile(&[
        r"(?:\bto|\bnot|n't|\bcan|\bcould|\bwe|\bthey|\bhe|\bshe|\bwho|\bthat|\bcustomers?|\bteams?|\boften|\bnever|\bpeople|\bwill|\bwould|\bmight|\bmay|\bwir|\bsie|\bon|\bque|\bse)\s+$",
    ])
});
