//! Scalars as Go prints them, and the parts of those that have any.

use gotmpl::Value;
use serde_json::Value as Json;

/// A string, or the text of anything else; empty for null.
pub(super) fn string(json: &Json) -> String {
    match json {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A boolean; a string stands where a template has not been rendered yet.
pub(super) fn boolean(json: &Json) -> Value {
    match json {
        Json::String(text) => text.parse().map_or_else(|_| Value::String(text.as_str().into()), Value::Bool),
        other => Value::Bool(other.as_bool().unwrap_or_default()),
    }
}

/// An integer; a string stands where a template has not been rendered yet.
pub(super) fn integer(json: &Json) -> Value {
    match json {
        Json::String(text) => text.parse().map_or_else(|_| Value::String(text.as_str().into()), Value::Int),
        other => Value::Int(other.as_i64().unwrap_or_default()),
    }
}

/// Go's `%v` of a float: shortest form, with an exponent below 1e-4 and from 1e6 on.
pub(super) fn float(number: f64) -> String {
    if number == 0.0 || (1e-4..1e6).contains(&number.abs()) || !number.is_finite() {
        return number.to_string().replace("inf", "+Inf").replace("-+", "-");
    }
    let text = format!("{number:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(("+", exponent), |e| ("-", e));
    format!("{digits}e{sign}{exponent:0>2}")
}

/// A number or string; zero when not set.
pub(super) fn int_or_string(json: &Json) -> String {
    if json.is_null() { "0".to_owned() } else { string(json) }
}

/// Fields and methods of an int-or-string.
pub(super) fn int_or_string_part(json: &Json, name: &str) -> Option<Value> {
    let number = json.as_i64();
    match name {
        "String" => Some(Value::String(int_or_string(json).into())),
        "IntVal" => Some(Value::Int(number.unwrap_or_default())),
        "StrVal" => Some(Value::String(json.as_str().unwrap_or_default().into())),
        "Type" => Some(Value::Int(i64::from(json.is_string()))),
        "IntValue" => {
            let parsed = json.as_str().and_then(|s| s.parse().ok());
            Some(Value::Int(number.or(parsed).unwrap_or_default()))
        }
        _ => None,
    }
}

/// Go's print of a time: `2026-01-02 03:04:05 +0000 UTC`.
pub(super) fn time(json: &Json) -> String {
    let text = json.as_str().unwrap_or("0001-01-01T00:00:00Z");
    match text.parse::<jiff::Timestamp>() {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S%.f +0000 UTC").to_string(),
        Err(_) => text.to_owned(),
    }
}

/// Fields and methods of a URL, split as Go's `net/url` does.
pub(super) fn url_part(url: &str, name: &str) -> Option<Value> {
    let (rest, fragment) = url.split_once('#').unwrap_or((url, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (scheme, rest) = scheme(rest);
    let (authority, path) = authority(rest);
    let opaque = !scheme.is_empty() && !rest.starts_with('/');
    let part = match name {
        "String" => url_text(url),
        "Scheme" => scheme.to_ascii_lowercase(),
        "Opaque" => if opaque { rest } else { "" }.to_owned(),
        "Host" => unescape(authority.rsplit('@').next().unwrap_or_default()),
        "Path" => {
            if opaque {
                String::new()
            } else {
                unescape(path)
            }
        }
        "RawQuery" => query.to_owned(),
        "Fragment" => unescape(fragment),
        _ => return None,
    };
    Some(Value::String(part.into()))
}

/// The URL as Go prints it: the path is escaped unless it is already.
pub(super) fn url_text(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let (rest, tail) = url.split_at(end);
    let (scheme, rest) = scheme(rest);
    let (_, path) = authority(rest);
    let colon = if scheme.is_empty() { "" } else { ":" };
    let authority = rest.strip_suffix(path).unwrap_or_default();
    format!("{}{colon}{authority}{}{tail}", scheme.to_ascii_lowercase(), escaped(path))
}

fn escaped(path: &str) -> String {
    let valid = |c: char| c.is_ascii_alphanumeric() || "-_.~!$&'()*+,;=:@[]/%".contains(c);
    if path.chars().all(valid) {
        return path.to_owned();
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(&b);
    let path = unescape(path);
    path.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn scheme(text: &str) -> (&str, &str) {
    let is_scheme = |s: &str| {
        s.starts_with(|c: char| c.is_ascii_alphabetic())
            && s.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    text.split_once(':').filter(|(s, _)| is_scheme(s)).unwrap_or(("", text))
}

fn authority(text: &str) -> (&str, &str) {
    let Some(rest) = text.strip_prefix("//") else { return ("", text) };
    rest.split_at(rest.find('/').unwrap_or(rest.len()))
}

/// Percent escapes undone; text that is not UTF-8 afterwards stays as it was.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let (byte, next) = escape(rest).unwrap_or((*first, tail));
        bytes.push(byte);
        rest = next;
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

fn escape(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let [b'%', high, low, rest @ ..] = bytes else { return None };
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    Some((digit(*high)? * 16 + digit(*low)?, rest))
}
