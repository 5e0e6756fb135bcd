//! The data of a Secret that is about to be written.

use jiff::Timestamp;
use k8s_openapi::ByteString;
use llmisvc_core::object::{Certificate, Object, TlsRequest};
use llmisvc_core::tree;
use serde_json::{Value, json};

use super::cert::{self, later};
use super::issue::{self, Authority, Pair};
use super::judge;
use super::{AUTHORITY_LIFE, LEAF_LIFE, TlsError, Verdict};

/// A Secret to be filled.
pub struct Job<'a> {
    /// The desired Secret, without data.
    pub object: &'a Object,
    /// What to fill it with.
    pub certificate: &'a Certificate,
    /// The CA that signs for it, or why there is none. Other certificates need none.
    pub authority: Result<Option<Authority>, TlsError>,
    /// The annotations for the date of renewal; the first is written.
    pub expirations: &'a [String],
    /// The time.
    pub now: Timestamp,
}

impl Job<'_> {
    /// The Secret with data. `live` is the Secret as the API server shows it: its pair is kept while it serves,
    /// since an apply without the data would remove it, and a missing CA hurts only where something has to be signed.
    pub fn filled(self, live: Option<&Value>) -> Result<Value, TlsError> {
        let nothing = Value::Null;
        let live = live.unwrap_or(&nothing);
        match self.verdict(live) {
            Verdict::Keep(_) => Ok(self.with_data(live.get("data").cloned().unwrap_or_default())),
            Verdict::Publish(bundle) => {
                let mut data = live.get("data").cloned().unwrap_or_default();
                *tree::entry(&mut data, "ca.crt") = bytes(bundle);
                Ok(self.with_data(data))
            }
            Verdict::Reissue(why) => {
                if !live.is_null() {
                    let metadata = ["namespace", "name"].map(|f| tree::text(live, &["metadata", f]));
                    let [namespace, secret] = metadata;
                    tracing::info!(namespace, secret, why, "new certificate");
                }
                let data = self.issued(live)?;
                Ok(self.with_data(data))
            }
        }
    }

    fn verdict(&self, live: &Value) -> Verdict {
        let key = cert::served(live).and_then(|certificate| cert::key(live, &certificate));
        if let Err(why) = key {
            return Verdict::Reissue(why);
        }
        match self.certificate {
            Certificate::Authority => judge::authority(live, self.now),
            Certificate::SelfSigned(request) => judge::pair(live, request, None, self.now),
            Certificate::Leaf { request, .. } => {
                let ca = self.authority.as_ref().ok().and_then(Option::as_ref);
                judge::pair(live, request, ca.map(|ca| &ca.certificate), self.now)
            }
        }
    }

    fn issued(&self, live: &Value) -> Result<Value, TlsError> {
        match self.certificate {
            Certificate::Authority => {
                let validity = (self.now, later(self.now, AUTHORITY_LIFE));
                Ok(data(issue::authority(&self.object.name, validity)?, None))
            }
            Certificate::SelfSigned(request) => {
                let pair = issue::self_signed(request, self.now)?;
                let own = pair.certificate.clone();
                Ok(data(pair, Some(own)))
            }
            Certificate::Leaf { request, authority } => self.leaf(request, authority, live),
        }
    }

    fn leaf(&self, request: &TlsRequest, name: &str, live: &Value) -> Result<Value, TlsError> {
        let known = self.authority.as_ref().map_err(Clone::clone)?;
        let authority = known.as_ref().ok_or_else(|| TlsError::NoAuthority(name.to_owned()))?;
        let trusted = judge::trusted(live, Some(&authority.certificate), self.now);
        let validity = (self.now, later(self.now, LEAF_LIFE));
        Ok(data(issue::leaf(request, authority, validity)?, Some(cert::text(&trusted))))
    }

    /// The desired Secret with this data, annotated with the date of the next renewal.
    fn with_data(&self, data: Value) -> Value {
        let mut body = self.object.body.clone();
        *tree::entry(&mut body, "data") = data;
        if let (Some(key), Ok(certificate)) = (self.expirations.first(), cert::served(&body)) {
            let metadata = tree::entry(&mut body, "metadata");
            let annotations = tree::object(metadata, "annotations");
            annotations.insert(key.clone(), certificate.two_thirds().to_string().into());
        }
        body
    }
}

fn data(pair: Pair, ca: Option<String>) -> Value {
    let mut data = json!({"tls.crt": bytes(pair.certificate), "tls.key": bytes(pair.key)});
    if let Some(ca) = ca {
        *tree::entry(&mut data, "ca.crt") = bytes(ca);
    }
    data
}

/// A value of a Secret's data.
pub fn bytes(text: String) -> Value {
    json!(ByteString(text.into_bytes()))
}
