//! Reading `daybrief.toml`.

use std::path::Path;

use super::Settings;
use crate::error::{Problem, Problems};

/// The settings of a file; paths in it are relative to its folder.
pub fn load(path: &Path) -> Result<Settings, Problems> {
    let place = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Problems(vec![
            Problem::new("unreadable", format!("cannot be read: {error}"))
                .at(place.clone())
                .advise("name the settings with --config, or make a daybrief.toml here"),
        ])
    })?;
    let mut settings = parse(&text, &place)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    settings.instance.data = folder.join(&settings.instance.data);
    for objects in &mut settings.instance.objects {
        *objects = folder.join(&objects);
    }
    if let Some(own) = &mut settings.folder {
        own.path = folder.join(&own.path);
    }
    if let Some(file) = settings
        .email
        .as_mut()
        .and_then(|email| email.ca_file.as_mut())
    {
        *file = folder.join(&file);
    }
    Ok(settings)
}

/// The settings of a text.
pub fn parse(text: &str, place: &str) -> Result<Settings, Problems> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| {
            text.bytes()
                .take(span.start)
                .filter(|byte| *byte == b'\n')
                .count()
                + 1
        });
        Problems(vec![
            Problem::new("bad-settings", error.message().to_owned()).at(format!("{place}:{line}")),
        ])
    })
}
