//! How a bundle writes bytes.

pub(super) mod digest {
    use jurat_proto::Digest;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(in crate::bundle) fn serialize<S: Serializer>(digest: &Digest, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(digest)
    }

    pub(in crate::bundle) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Digest, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

pub(super) mod optional_nonce {
    use jurat_proto::Nonce;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(in crate::bundle) fn serialize<S: Serializer>(
        nonce: &Option<Nonce>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match nonce {
            Some(nonce) => to.collect_str(nonce),
            None => to.serialize_none(),
        }
    }

    pub(in crate::bundle) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Nonce>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
    }
}

pub(super) mod base64_text {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(in crate::bundle) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(in crate::bundle) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(from)?).map_err(D::Error::custom)
    }
}

pub(super) mod base64_list {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub(in crate::bundle) fn serialize<S: Serializer>(list: &[Vec<u8>], to: S) -> Result<S::Ok, S::Error> {
        list.iter().map(|bytes| STANDARD.encode(bytes)).collect::<Vec<_>>().serialize(to)
    }

    pub(in crate::bundle) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<Vec<u8>>, D::Error> {
        let list = Vec::<String>::deserialize(from)?;
        list.iter().map(|text| STANDARD.decode(text).map_err(D::Error::custom)).collect()
    }
}
