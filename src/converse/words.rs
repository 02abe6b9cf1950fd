//! What Daybrief itself says in an answer, in the reader's language.

use crate::text::Language;

/// The sentences of one language; `{}` stands where a value is put in.
pub struct Words {
    pub asking: &'static str,
    pub computing: &'static str,
    pub not_reached: &'static str,
    pub only_alone: &'static str,
    pub no_model: &'static str,
    pub nothing_stood: &'static str,
    pub found: &'static str,
    pub nothing_found: &'static str,
    pub cut: &'static str,
    pub cancelled: &'static str,
    pub revoked: &'static str,
    pub proposed: &'static str,
    pub left_out_one: &'static str,
    pub left_out: &'static str,
    pub over_budget: &'static str,
    pub too_often: &'static str,
    pub no_tools: &'static str,
    pub too_long: &'static str,
    pub nearly_used_by_you: &'static str,
    pub nearly_used_by_role: &'static str,
}

impl Words {
    pub fn of(language: Language) -> &'static Self {
        match language {
            Language::English => &ENGLISH,
            Language::German => &GERMAN,
            Language::French => &FRENCH,
            Language::Spanish => &SPANISH,
        }
    }
}

/// The sentence with its value.
pub fn with(sentence: &str, value: &str) -> String {
    sentence.replacen("{}", value, 1)
}

static ENGLISH: Words = Words {
    asking: "asking {}",
    computing: "computing",
    not_reached: "Not checked: {}.",
    only_alone: "More about this is for you alone; ask me in a direct message.",
    no_model: "I cannot answer now: {}.",
    nothing_stood: "Of what the model wrote nothing could be traced to the sources.",
    found: "This is what the sources say:",
    nothing_found: "The sources gave nothing on this.",
    cut: "The answer was longer than it may be and ends here.",
    cancelled: "Stopped, as you asked.",
    revoked: "This ends here: your access was withdrawn.",
    proposed: "Proposed, not done: {}. It waits for approval.",
    left_out_one: "One sentence was left out: it could not be traced to a source.",
    left_out: "{} sentences were left out: they could not be traced to a source.",
    over_budget: "this month's budget is used up",
    too_often: "Too many questions at once: {}.",
    no_tools: "I may not ask any source for you here.",
    too_long: "Please ask in fewer words: at most {} characters.",
    nearly_used_by_you: "With this, {} % of your budget for this month are used.",
    nearly_used_by_role: "With this, {} % of your role’s budget for this month are used.",
};

static GERMAN: Words = Words {
    asking: "frage {}",
    computing: "rechne",
    not_reached: "Nicht geprüft: {}.",
    only_alone: "Mehr dazu ist nur für Sie; fragen Sie mich in einer Direktnachricht.",
    no_model: "Ich kann gerade nicht antworten: {}.",
    nothing_stood: "Nichts von dem, was das Modell schrieb, ließ sich auf die Quellen zurückführen.",
    found: "Das sagen die Quellen:",
    nothing_found: "Die Quellen haben dazu nichts ergeben.",
    cut: "Die Antwort war länger, als sie sein darf, und endet hier.",
    cancelled: "Angehalten, wie gewünscht.",
    revoked: "Hier ist Schluss: Ihr Zugang wurde entzogen.",
    proposed: "Vorgeschlagen, nicht ausgeführt: {}. Es wartet auf Freigabe.",
    left_out_one: "Ein Satz wurde weggelassen: er ließ sich auf keine Quelle zurückführen.",
    left_out: "{} Sätze wurden weggelassen: sie ließen sich auf keine Quelle zurückführen.",
    over_budget: "das Budget dieses Monats ist aufgebraucht",
    too_often: "Das waren viele Fragen auf einmal: {}.",
    no_tools: "Ich darf hier keine Quelle für Sie fragen.",
    too_long: "Bitte fragen Sie kürzer: höchstens {} Zeichen.",
    nearly_used_by_you: "Damit sind {} % Ihres Budgets für diesen Monat aufgebraucht.",
    nearly_used_by_role: "Damit sind {} % des Budgets Ihrer Rolle für diesen Monat aufgebraucht.",
};

static FRENCH: Words = Words {
    asking: "j’interroge {}",
    computing: "je calcule",
    not_reached: "Non vérifié : {}.",
    only_alone: "Le reste est pour vous seul ; posez-moi la question en message direct.",
    no_model: "Je ne peux pas répondre maintenant : {}.",
    nothing_stood: "Rien de ce que le modèle a écrit n’a pu être rattaché aux sources.",
    found: "Voici ce que disent les sources :",
    nothing_found: "Les sources n’ont rien donné à ce sujet.",
    cut: "La réponse dépassait la longueur permise et s’arrête ici.",
    cancelled: "Arrêté, comme demandé.",
    revoked: "Cela s’arrête ici : votre accès a été retiré.",
    proposed: "Proposé, non exécuté : {}. En attente d’approbation.",
    left_out_one: "Une phrase a été omise : elle n’a pu être rattachée à aucune source.",
    left_out: "{} phrases ont été omises : elles n’ont pu être rattachées à aucune source.",
    over_budget: "le budget de ce mois est épuisé",
    too_often: "Cela fait beaucoup de questions à la fois : {}.",
    no_tools: "Je ne peux interroger aucune source pour vous ici.",
    too_long: "Posez la question en moins de mots : {} caractères au plus.",
    nearly_used_by_you: "Avec cela, {} % de votre budget de ce mois sont utilisés.",
    nearly_used_by_role: "Avec cela, {} % du budget de votre rôle pour ce mois sont utilisés.",
};

static SPANISH: Words = Words {
    asking: "consulto {}",
    computing: "calculo",
    not_reached: "Sin comprobar: {}.",
    only_alone: "El resto es solo para usted; pregúnteme en un mensaje directo.",
    no_model: "Ahora no puedo responder: {}.",
    nothing_stood: "Nada de lo que escribió el modelo pudo atribuirse a las fuentes.",
    found: "Esto dicen las fuentes:",
    nothing_found: "Las fuentes no dieron nada sobre esto.",
    cut: "La respuesta era más larga de lo permitido y termina aquí.",
    cancelled: "Detenido, como pidió.",
    revoked: "Esto termina aquí: se retiró su acceso.",
    proposed: "Propuesto, no ejecutado: {}. Espera aprobación.",
    left_out_one: "Se omitió una frase: no pudo atribuirse a ninguna fuente.",
    left_out: "Se omitieron {} frases: no pudieron atribuirse a ninguna fuente.",
    over_budget: "el presupuesto de este mes está agotado",
    too_often: "Son muchas preguntas a la vez: {}.",
    no_tools: "Aquí no puedo consultar ninguna fuente para usted.",
    too_long: "Pregunte con menos palabras: {} caracteres como máximo.",
    nearly_used_by_you: "Con esto se ha usado el {} % de su presupuesto de este mes.",
    nearly_used_by_role: "Con esto se ha usado el {} % del presupuesto de su función de este mes.",
};
