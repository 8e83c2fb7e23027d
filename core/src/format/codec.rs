//! Encoding of numbers and strings in descriptors. The byte order is native.

/// An encoder that appends to a buffer.
#[derive(Debug, Default)]
pub(crate) struct Encoder(Vec<u8>);

impl Encoder {
    pub(crate) fn number(&mut self, number: u32) {
        self.0.extend(number.to_ne_bytes());
    }

    pub(crate) fn word(&mut self, word: u64) {
        self.0.extend(word.to_ne_bytes());
    }

    pub(crate) fn string(&mut self, string: &str) {
        self.number(string.len() as u32);
        self.0.extend(string.as_bytes());
    }

    pub(crate) fn strings(&mut self, strings: &[impl AsRef<str>]) {
        self.number(strings.len() as u32);
        strings.iter().for_each(|string| self.string(string.as_ref()));
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

/// A decoder. Each method returns `None` if the bytes end too early.
#[derive(Debug)]
pub(crate) struct Decoder<'a>(&'a [u8]);

impl<'a> Decoder<'a> {
    pub(crate) fn of(bytes: &'a [u8]) -> Decoder<'a> {
        Decoder(bytes)
    }

    pub(crate) fn number(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_ne_bytes(*number))
    }

    pub(crate) fn word(&mut self) -> Option<u64> {
        let (word, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_ne_bytes(*word))
    }

    pub(crate) fn string(&mut self) -> Option<String> {
        let length = self.number()? as usize;
        let (string, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(std::str::from_utf8(string).ok()?.to_owned())
    }

    pub(crate) fn strings(&mut self) -> Option<Vec<String>> {
        let count = self.number()?;
        // Collects one by one, so that a wrong count fails at the end of the bytes before it
        // allocates memory.
        (0..count).map(|_| self.string()).collect()
    }
}
