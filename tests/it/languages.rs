//! The sample company's morning in each language but English, as its reader sees it: reviewed by eye, line by line.

use std::{fs, path::Path, sync::Arc};

use daybrief::{
    app::App,
    clock::ManualClock,
    demo,
    domain::{brief::Brief, connector::Launch},
    provision::{self, Objects},
    render::{self, Instance},
    settings::Settings,
};
use jiff::{Timestamp, tz::TimeZone};

/// The present of the sample company: Monday, 30 November 2026, a month before the quarter's end.
const NOW: &str = "2026-11-30T06:10:00Z";

/// The shipped objects with the language's briefing as their only one.
fn objects(folder: &Path, language: &str) -> Objects {
    let file = format!("{language}.toml");
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/languages");
    let folder = folder.join("objects");
    fs::create_dir(&folder).unwrap();
    fs::copy(data.join(&file), folder.join(&file)).unwrap();
    let mut objects = provision::shipped().unwrap();
    objects.briefings = provision::read(&[folder]).unwrap().briefings;
    // Whoever reads it may ask every source of it.
    let grants: Vec<_> = objects
        .roles
        .iter()
        .flat_map(|role| role.grants.clone())
        .collect();
    for role in &mut objects.roles {
        role.grants.clone_from(&grants);
    }
    objects
}

/// What each brief says.
const SAID: [(&str, [&str; 6]); 3] = [
    (
        "de",
        [
            "Hartmann Logistics schuldet 105.000 EUR… (+9 weitere)",
            "Hartmann Logistics schuldet 105.000 EUR, fällig seit 52 Tagen",
            "Checkout schlägt seit gestern 21:10 Uhr bei 212 Personen fehl",
            "Nächster Schritt: entscheiden, wer sich darum kümmert.",
            "Und 1 weiteres zu Bellevue Hotels: ",
            "wartet seit 1 Arbeitstag auf ein Review",
        ],
    ),
    (
        "fr",
        [
            "Hartmann Logistics doit 105 000 EUR, avec 52 jours de retard",
            "Checkout échoue pour 212 personnes depuis hier à 21:10",
            "4,1 % des requêtes sont touchées, contre 0,3 % d’habitude.",
            "Prochaine étape : décider qui s’en occupe.",
            "Et 1 autre concernant Bellevue Hotels : ",
            "attend une relecture depuis 1 jour ouvré",
        ],
    ),
    (
        "es",
        [
            "Hartmann Logistics debe 105.000 EUR, con 52 días de retraso",
            "Checkout falla para 212 personas desde ayer a las 21:10",
            "Castell Foods debe 5333,50 EUR, con 3 días de retraso",
            "Siguiente paso: decidir quién se ocupa de ello.",
            "Y 1 más sobre Bellevue Hotels: ",
            "espera una revisión desde hace 1 día laborable",
        ],
    ),
];

/// The brief of the morning before, and today's.
async fn both_mornings(folder: &Path, language: &str) -> (Brief, Brief) {
    let now: Timestamp = NOW.parse().unwrap();
    let mut company = demo::lay_out(folder, now, objects(folder, language))
        .await
        .unwrap();
    for connector in &mut company.objects.connectors {
        if let Launch::Process { command, .. } = &mut connector.launch {
            command[0] = env!("CARGO_BIN_EXE_daybrief").to_owned();
        }
    }
    let before = demo::morning_before(now, &TimeZone::UTC);
    let clock = Arc::new(ManualClock::at(before));
    let app = App::temporary(Settings::default(), clock.clone())
        .await
        .unwrap();
    let objects = &company.objects;
    let briefing = &objects.briefings[0];
    let made = demo::make(&app, objects, briefing, before, None, &|_| {}).await;
    let earlier = made.unwrap().0.into_inner();
    company.go_on().await.unwrap();
    clock.set(now);
    let made = demo::make(&app, objects, briefing, now, Some(&earlier), &|_| {}).await;
    app.shutdown().await;
    (earlier, made.unwrap().0.into_inner())
}

#[tokio::test]
async fn a_morning_reads_well_in_each_language() {
    for (language, sentences) in SAID {
        let folder = tempfile::tempdir().unwrap();
        let (_, today) = both_mornings(folder.path(), language).await;
        assert_eq!(today.gaps, [], "{language}");
        let text = render::text(&today, &Instance::default(), render::TEXT_WIDTH, false);
        let text: Vec<&str> = text.split_whitespace().collect();
        let text = text.join(" ");
        for said in sentences {
            assert!(text.contains(said), "{said}\n{text}");
        }
    }
}
