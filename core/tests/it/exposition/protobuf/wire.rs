//! A protobuf reader that follows the description of the encoding alone. It returns only fields
//! that are requested by number: <https://protobuf.dev/programming-guides/encoding/>.

#[derive(Clone, Copy, Debug)]
enum Field<'a> {
    Number(u64),
    Fixed(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message, in the order of the bytes.
#[derive(Clone, Debug)]
pub(crate) struct Message<'a>(Vec<(u64, Field<'a>)>);

/// Decodes messages, each preceded by its length.
pub(crate) fn delimited(mut bytes: &[u8]) -> Vec<Message<'_>> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        messages.push(Message::new(prefixed(&mut bytes)));
    }
    messages
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let length = 1 + bytes.iter().position(|byte| byte & 0x80 == 0).unwrap();
    let (number, rest) = bytes.split_at(length);
    *bytes = rest;
    number.iter().rev().fold(0, |sum, byte| sum << 7 | u64::from(byte & 0x7f))
}

fn prefixed<'a>(bytes: &mut &'a [u8]) -> &'a [u8] {
    let length = varint(bytes) as usize;
    let (prefixed, rest) = bytes.split_at(length);
    *bytes = rest;
    prefixed
}

fn signed(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

impl<'a> Message<'a> {
    fn new(mut bytes: &'a [u8]) -> Message<'a> {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let key = varint(&mut bytes);
            let field = match key & 7 {
                0 => Field::Number(varint(&mut bytes)),
                1 => {
                    let (fixed, rest) = bytes.split_first_chunk().unwrap();
                    bytes = rest;
                    Field::Fixed(u64::from_le_bytes(*fixed))
                }
                2 => Field::Bytes(prefixed(&mut bytes)),
                other => panic!("wire type {other}"),
            };
            fields.push((key >> 3, field));
        }
        Message(fields)
    }

    /// Returns the numbers of the present fields, each once.
    pub(crate) fn tags(&self) -> Vec<u64> {
        let mut tags: Vec<u64> = self.0.iter().map(|&(tag, _)| tag).collect();
        tags.sort_unstable();
        tags.dedup();
        tags
    }

    fn all(&self, tag: u64) -> impl Iterator<Item = Field<'a>> {
        self.0.iter().filter(move |&&(at, _)| at == tag).map(|&(_, field)| field)
    }

    fn one(&self, tag: u64) -> Field<'a> {
        let mut all = self.all(tag);
        let one = all.next().unwrap();
        assert!(all.next().is_none(), "field {tag} stands twice in {self:?}");
        one
    }

    pub(crate) fn messages(&self, tag: u64) -> Vec<Message<'a>> {
        let bytes = |field| if let Field::Bytes(bytes) = field { bytes } else { panic!("{field:?}") };
        self.all(tag).map(|field| Message::new(bytes(field))).collect()
    }

    pub(crate) fn message(&self, tag: u64) -> Message<'a> {
        let mut messages = self.messages(tag);
        assert_eq!(messages.len(), 1, "field {tag} of {self:?}");
        messages.remove(0)
    }

    pub(crate) fn string(&self, tag: u64) -> String {
        let Field::Bytes(bytes) = self.one(tag) else { panic!("field {tag} of {self:?}") };
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    pub(crate) fn double(&self, tag: u64) -> f64 {
        let Field::Fixed(bits) = self.one(tag) else { panic!("field {tag} of {self:?}") };
        f64::from_bits(bits)
    }

    pub(crate) fn number(&self, tag: u64) -> u64 {
        let Field::Number(number) = self.one(tag) else { panic!("field {tag} of {self:?}") };
        number
    }

    pub(crate) fn signed(&self, tag: u64) -> i64 {
        signed(self.number(tag))
    }

    /// Returns a list that is packed or not, as every reader must accept both.
    pub(crate) fn signed_list(&self, tag: u64) -> Vec<i64> {
        let mut list = Vec::new();
        for field in self.all(tag) {
            match field {
                Field::Number(number) => list.push(signed(number)),
                Field::Bytes(mut packed) => {
                    while !packed.is_empty() {
                        list.push(signed(varint(&mut packed)));
                    }
                }
                Field::Fixed(_) => panic!("field {tag} of {self:?}"),
            }
        }
        list
    }
}
