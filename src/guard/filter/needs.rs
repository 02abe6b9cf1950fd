//! What a text must hold for a pattern to be found in it: runs of letters, pairs and signs. Most patterns are ruled out by
//! that, and only the others are searched for.
//!
//! A pattern is read for what all its matches hold (as an index of trigrams is asked for a regular expression). What is not
//! understood asks for nothing; so the answer "no" is certain, and "perhaps" may be wrong.

use super::held::{self, ALWAYS, DIGIT, Held, LETTER, WORD};

/// A place that must be held, and how seldom it is: the rarest is asked for first.
type Place = (u16, u16);

/// What must all be there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Need {
    places: Vec<Place>,
    /// A bit for each ASCII sign of which one must be there; none: none is asked for.
    any: u128,
    /// So many bytes side by side that are no white space.
    run: usize,
}

impl Need {
    fn is_met(&self, text: &Held) -> bool {
        self.run <= text.longest
            && (self.any == 0 || self.any & text.signs != 0)
            && self.places.iter().all(|&(place, _)| text.holds(place))
    }

    fn add(&mut self, other: Self) {
        self.places.extend(other.places);
        self.any_of(other.any);
        self.run = self.run.max(other.run);
    }

    /// Of two lists of signs the shorter one tells more.
    fn any_of(&mut self, signs: u128) {
        if signs != 0 && (self.any == 0 || signs.count_ones() < self.any.count_ones()) {
            self.any = signs;
        }
    }

    /// Places of which one is held where this is met, each with a second one.
    fn keys(&self) -> Vec<(Place, u16)> {
        const FEW: u32 = 8;
        let mut places = self.places.clone();
        places.sort_by_key(|(_, rarity)| std::cmp::Reverse(*rarity));
        let mut places = places.into_iter();
        if let Some(rarest) = places.next() {
            let second = places.next().map_or(ALWAYS, |(place, _)| place);
            return vec![(rarest, second)];
        }
        if self.any != 0 && self.any.count_ones() <= FEW {
            let signs = (0..128).filter(|sign| self.any >> sign & 1 == 1);
            return signs
                .map(|sign| ((held::sign_place(sign), rarity(&[sign])), ALWAYS))
                .collect();
        }
        vec![((ALWAYS, 0), ALWAYS)]
    }

    fn settle(&mut self) {
        const RARITY: u16 = 5;
        let run = held::run_place(self.run).map(|place| (place, RARITY));
        self.places.extend(run);
        self.places
            .sort_by_key(|&(place, rarity)| (std::cmp::Reverse(rarity), place));
        self.places.dedup();
    }
}

/// What one way through a pattern asks for: its own, and of each list one.
#[derive(Debug, Default)]
struct Way {
    own: Need,
    one_of: Vec<Vec<Need>>,
    /// What the way ends with, where one thing is known of it: a byte, or what stands for several.
    last: Option<u8>,
    /// So many bytes that are no white space it has at least at its end, and whether it has no others.
    width: usize,
    spaced: bool,
}

/// What a pattern asks for: one of its ways.
#[derive(Debug)]
pub struct Needs(Vec<Way>);

impl Needs {
    pub fn of(pattern: &str) -> Self {
        let mut reader = Reader {
            pattern: pattern.as_bytes(),
            at: 0,
        };
        let mut ways = reader.ways(&[], None);
        for way in &mut ways {
            way.one_of.sort_by_key(Vec::len);
            let needs = way.one_of.iter_mut().flatten().chain([&mut way.own]);
            needs.for_each(Need::settle);
        }
        Self(ways)
    }

    /// May the pattern be in a text that holds these?
    pub fn are_met(&self, text: &Held) -> bool {
        self.0.iter().any(|way| way.is_met(text))
    }

    /// May the pattern be in a text that holds these, on this of its ways?
    pub fn is_met(&self, way: usize, text: &Held) -> bool {
        self.0.get(way).is_some_and(|way| way.is_met(text))
    }

    /// Pairs of places, and the way on which the pattern may be in a text that holds both; it is in no other text.
    pub fn keys(&self) -> Vec<([u16; 2], usize)> {
        let ways = self.0.iter().enumerate();
        ways.flat_map(|(index, way)| way.keys().into_iter().map(move |key| (key, index)))
            .collect()
    }
}

/// One thing that a pattern names.
enum Atom {
    Byte(u8),
    /// One of several bytes.
    Class(Class),
    /// It has no place of its own: the end of a word, of a line.
    Nowhere,
    /// A group that begins here.
    Group,
}

/// What is known of a class of bytes.
struct Class {
    /// What it stands for beside another sign: [`WORD`], [`DIGIT`], [`LETTER`], a space.
    kind: Option<u8>,
    /// The signs, where they are few.
    signs: u128,
    /// It holds white space.
    spaced: bool,
}

impl Class {
    const SPACE: Self = Self {
        kind: Some(b' '),
        signs: 0,
        spaced: true,
    };
    const ANYTHING: Self = Self {
        kind: None,
        signs: 0,
        spaced: true,
    };
}

struct Reader<'a> {
    pattern: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.pattern.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    /// The ways from here to the end of the group; `run` and `last` are what stands right before it.
    fn ways(&mut self, run: &[u8], last: Option<u8>) -> Vec<Way> {
        let mut ways = vec![self.way(run, last)];
        while self.eat(b'|') {
            ways.push(self.way(run, last));
        }
        ways
    }

    fn way(&mut self, run: &[u8], last: Option<u8>) -> Way {
        let (mut run, mut way) = (run.to_vec(), Way::default());
        way.last = last;
        while !matches!(self.peek(), None | Some(b'|' | b')')) {
            let before = way.last;
            let (group, kind) = match self.atom() {
                Atom::Nowhere => continue,
                Atom::Group => {
                    let tail = run.get(run.len().saturating_sub(2)..).unwrap_or_default();
                    let ways = self.ways(tail, before);
                    self.eat(b')');
                    (Some(ways), None)
                }
                Atom::Byte(byte) => {
                    let (least, most) = self.times();
                    push_byte(byte, least, most, &mut run, &mut way);
                    continue;
                }
                Atom::Class(class) if class.kind == Some(b' ') => {
                    // White space counts as one space.
                    let (least, most) = self.times();
                    push_byte(b' ', least, most, &mut run, &mut way);
                    continue;
                }
                Atom::Class(class) => (None, Some(class)),
            };
            let (least, _) = self.times();
            way.end_run(&mut run);
            way.last = None;
            if let Some(class) = &kind {
                way.widen(least, class.spaced);
            }
            if let Some(ways) = &group {
                let width = ways.iter().map(|way| way.width).min().unwrap_or_default();
                way.widen(width * least, ways.iter().any(|way| way.spaced));
            }
            if least == 0 {
                continue;
            }
            if let Some(ways) = group {
                way.join(ways);
            }
            if let Some(class) = kind {
                way.own.any_of(class.signs);
                way.pair(before, class.kind);
                way.last = class.kind;
            }
        }
        way.end_run(&mut run);
        way
    }

    fn atom(&mut self) -> Atom {
        match self.next().unwrap_or_default() {
            b'(' => {
                if self.eat(b'?') {
                    while !matches!(self.peek(), None | Some(b':' | b')')) {
                        self.at += 1;
                    }
                    if self.next() == Some(b')') {
                        return Atom::Nowhere;
                    }
                }
                Atom::Group
            }
            b'[' => self.class(),
            b'.' => Atom::Class(Class::ANYTHING),
            b'^' | b'$' => Atom::Nowhere,
            b'\\' => self.escape(),
            byte => Atom::Byte(byte),
        }
    }

    fn escape(&mut self) -> Atom {
        match self.next().unwrap_or_default() {
            b's' | b'n' | b't' | b'r' => Atom::Class(Class::SPACE),
            b'd' => Atom::Class(Class {
                kind: Some(DIGIT),
                signs: held::signs(b"0123456789"),
                spaced: false,
            }),
            b'w' => Atom::Class(Class {
                kind: Some(WORD),
                signs: 0,
                spaced: false,
            }),
            b'S' => Atom::Class(Class {
                spaced: false,
                ..Class::ANYTHING
            }),
            b'b' | b'B' | b'z' | b'A' => Atom::Nowhere,
            b'x' => {
                let digits = self.pattern.get(self.at..self.at + 2).unwrap_or_default();
                self.at += 2;
                let digits = std::str::from_utf8(digits).unwrap_or_default();
                u8::from_str_radix(digits, 16).map_or(Atom::Class(Class::ANYTHING), Atom::Byte)
            }
            byte if byte.is_ascii_alphanumeric() => Atom::Class(Class::ANYTHING),
            byte => Atom::Byte(byte),
        }
    }

    /// A class in brackets. Of one that says what is not in it nothing is known.
    fn class(&mut self) -> Atom {
        /// Nearly every text holds one of more signs than these.
        const FEW: u32 = 24;
        let (mut known, mut first) = (!self.eat(b'^'), true);
        let (mut bytes, mut word, mut spaced) = (Vec::new(), false, false);
        while let Some(byte) = self.next() {
            if byte == b']' && !first {
                break;
            }
            first = false;
            match self.member(byte) {
                Atom::Byte(from) => {
                    let is_range = self.peek() == Some(b'-')
                        && self
                            .pattern
                            .get(self.at + 1)
                            .is_some_and(|&end| end != b']');
                    if !is_range {
                        bytes.push(from);
                        continue;
                    }
                    self.at += 1;
                    let end = self.next().unwrap_or_default();
                    match self.member(end) {
                        Atom::Byte(to) => bytes.extend(from..=to),
                        _ => known = false,
                    }
                }
                Atom::Class(class) if class.kind == Some(b' ') => spaced = true,
                Atom::Class(class) if class.kind == Some(DIGIT) => bytes.extend(b'0'..=b'9'),
                Atom::Class(class) if class.kind == Some(WORD) => word = true,
                _ => known = false,
            }
        }
        if !known {
            return Atom::Class(Class::ANYTHING);
        }
        let mut distinct = bytes.clone();
        distinct.sort_unstable();
        distinct.dedup();
        if let ([byte], false, false) = (distinct.as_slice(), word, spaced) {
            return Atom::Byte(*byte);
        }
        let all = |is: fn(&u8) -> bool| !spaced && distinct.iter().all(is);
        let kind = if all(u8::is_ascii_digit) && !word {
            Some(DIGIT)
        } else if all(u8::is_ascii_alphabetic) && !word {
            Some(LETTER)
        } else if all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
            Some(WORD)
        } else {
            None
        };
        let blank = distinct.iter().any(u8::is_ascii_whitespace);
        let signs = held::signs(&distinct);
        let told = distinct.iter().all(|&byte| held::signs(&[byte]) != 0);
        let few = signs.count_ones() <= FEW && told && !word && !spaced;
        Atom::Class(Class {
            kind,
            signs: if few { signs } else { 0 },
            spaced: spaced || blank,
        })
    }

    fn member(&mut self, byte: u8) -> Atom {
        match byte {
            b'\\' => self.escape(),
            _ => Atom::Byte(byte),
        }
    }

    /// How often, at least and at most, the last atom stands.
    fn times(&mut self) -> (usize, usize) {
        let times = match self.peek() {
            Some(b'?') => (0, 1),
            Some(b'*') => (0, usize::MAX),
            Some(b'+') => (1, usize::MAX),
            Some(b'{') => {
                let rest = self.pattern.get(self.at + 1..).unwrap_or_default();
                let inside = rest.split(|&byte| byte == b'}').next().unwrap_or_default();
                let least = inside.split(|&byte| byte == b',').next();
                let least = least.and_then(|least| std::str::from_utf8(least).ok()?.parse().ok());
                self.at += inside.len() + 1;
                (least.unwrap_or(0), usize::MAX)
            }
            _ => return (1, 1),
        };
        self.at += 1;
        self.eat(b'?');
        times
    }
}

/// A byte joins the run before it, where it must be there.
fn push_byte(byte: u8, least: usize, most: usize, run: &mut Vec<u8>, way: &mut Way) {
    let byte = byte.to_ascii_lowercase();
    way.widen(least, byte == b' ');
    if least == 0 {
        way.end_run(run);
        way.last = None;
        return;
    }
    way.pair(way.last, Some(byte));
    if byte.is_ascii_punctuation() {
        way.own
            .places
            .push((held::sign_place(byte), rarity(&[byte])));
    }
    run.push(byte);
    if most != 1 {
        // The last of several stands beside what follows.
        way.end_run(run);
        run.push(byte);
    }
    way.last = Some(byte);
}

impl Way {
    /// Two things side by side, of which at least one is a sign or a digit.
    fn pair(&mut self, before: Option<u8>, after: Option<u8>) {
        let (Some(before), Some(after)) = (before, after) else {
            return;
        };
        if held::is_told(before, after) {
            let rarity = rarity(&[before, after]);
            self.own.places.push((held::pair(before, after), rarity));
        }
    }

    /// Something comes of at least so many bytes; if it may be white space, a new token begins after it.
    fn widen(&mut self, width: usize, spaced: bool) {
        if spaced {
            (self.width, self.spaced) = (0, true);
        } else {
            self.width += width;
            self.own.run = self.own.run.max(self.width);
        }
    }

    fn is_met(&self, text: &Held) -> bool {
        let mut lists = self.one_of.iter();
        self.own.is_met(text) && lists.all(|list| list.iter().any(|need| need.is_met(text)))
    }

    /// The list of places of which the fewest texts hold one.
    fn keys(&self) -> Vec<[u16; 2]> {
        let own = std::slice::from_ref(&self.own);
        let lists = self.one_of.iter().map(Vec::as_slice).chain([own]);
        let keys = lists.map(|list| list.iter().flat_map(Need::keys).collect::<Vec<_>>());
        // Of a place with one more of rarity half as many texts are thought to hold it.
        let often = |keys: &Vec<(Place, u16)>| {
            let each = keys
                .iter()
                .map(|((_, rarity), _)| 1_u32 << 20_u16.saturating_sub(*rarity));
            each.sum::<u32>()
        };
        let best = keys.min_by_key(often).unwrap_or_default();
        // Where the list gives no second place, the way's own may.
        let own = self.own.places.iter().max_by_key(|(_, rarity)| *rarity);
        let own = own.map_or(ALWAYS, |(place, _)| *place);
        best.into_iter()
            .map(|((place, _), second)| [place, if second == ALWAYS { own } else { second }])
            .collect()
    }

    /// What a run of bytes asks for. What follows may stand beside none of them.
    fn end_run(&mut self, run: &mut Vec<u8>) {
        let grams = run.windows(3).map(|run| (held::gram(run), rarity(run)));
        self.own.places.extend(grams);
        run.clear();
    }

    /// What a group asks for that stands on this way.
    fn join(&mut self, mut ways: Vec<Self>) {
        let mut lasts = ways.iter().map(|way| way.last);
        let last = lasts.next().flatten();
        self.last = last.filter(|last| lasts.all(|other| other == Some(*last)));
        if ways.len() == 1 {
            for way in ways {
                self.own.add(way.own);
                self.one_of.extend(way.one_of);
            }
            return;
        }
        let mut list = Vec::new();
        for way in &mut ways {
            let own = std::mem::take(&mut way.own);
            let least = way.one_of.drain(..).min_by_key(Vec::len);
            // Of a way that asks for nothing nothing follows for the group.
            if own == Need::default() && least.is_none() {
                return;
            }
            let Some(least) = least else {
                list.push(own);
                continue;
            };
            list.extend(least.into_iter().map(|mut need| {
                need.add(own.clone());
                need
            }));
        }
        self.one_of.push(list);
    }
}

/// How seldom a sign, a pair or a run is in a text that people wrote.
fn rarity(bytes: &[u8]) -> u16 {
    let each = bytes.iter().map(|&byte| match byte {
        b' ' | b'e' | b't' | b'a' | b'o' | b'i' | b'n' | b'.' | b',' => 0,
        b's' | b'r' | b'h' | b'l' | b'd' | b'u' | b'c' | b'm' | b'-' => 1,
        byte if byte.is_ascii_lowercase() => 3,
        WORD | LETTER | DIGIT | b'0'..=b'9' => 1,
        b'(' | b')' | b':' | b';' | b'\'' | b'"' | b'/' => 2,
        _ => 4,
    });
    let alone = u16::try_from(bytes.len()).unwrap_or_default();
    each.sum::<u16>() + alone - 1
}
