//! The environment variables of OpenTelemetry that exporters obey.

use super::error::Error;
use crate::export::Resource;
#[cfg(feature = "otlp")]
use crate::export::otlp::Signal;

/// Looks up variables. One that is empty is one that is not set (OpenTelemetry, "Environment
/// Variable Specification").
pub struct Environment<'a>(pub &'a dyn Fn(&str) -> Option<String>);

impl Environment<'_> {
    /// Returns the value of a variable.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.trim().is_empty())
    }

    /// Returns the value of `OTEL_EXPORTER_OTLP_SIGNAL_NAME`, else that of
    /// `OTEL_EXPORTER_OTLP_NAME`, with the name of the variable.
    #[cfg(feature = "otlp")]
    pub(super) fn of_signal(&self, signal: Signal, name: &str) -> Option<(String, String)> {
        let own = format!("OTEL_EXPORTER_OTLP_{}_{name}", signal.name().to_uppercase());
        let shared = format!("OTEL_EXPORTER_OTLP_{name}");
        [own, shared].into_iter().find_map(|variable| Some((self.get(&variable)?, variable)))
    }
}

/// Returns what telemetry says of its sender: `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME`,
/// which goes first. Without a name of the service it is `mcpdump`.
///
/// # Errors
/// A variable cannot be parsed.
pub fn resource(environment: &Environment<'_>) -> Result<Resource, Error> {
    const NAME: &str = "service.name";
    const ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";
    let mut attributes = match environment.get(ATTRIBUTES) {
        Some(list) => pairs(&list).ok_or_else(|| {
            Error(format!("{ATTRIBUTES}: is no list of pairs, as in deployment.environment=test,host.name=a"))
        })?,
        None => Vec::new(),
    };
    if let Some(name) = environment.get("OTEL_SERVICE_NAME") {
        attributes.retain(|(key, _)| key != NAME);
        attributes.insert(0, (NAME.to_owned(), name));
    }
    if !attributes.iter().any(|(key, _)| key == NAME) {
        let Resource(default) = Resource::default();
        attributes.splice(0..0, default);
    }
    Ok(Resource(attributes))
}

/// Parses a list as in W3C Baggage: pairs, separated by commas, values with percent-encoding.
/// `None` if it is none.
pub(super) fn pairs(list: &str) -> Option<Vec<(String, String)>> {
    let pairs = list.split(',').map(str::trim).filter(|pair| !pair.is_empty()).map(|pair| {
        let (key, value) = pair.split_once('=')?;
        // What follows is a property of the pair.
        let value = value.split(';').next().unwrap_or_default();
        let (key, value) = (decoded(key.trim())?, decoded(value.trim())?);
        (!key.is_empty()).then_some((key, value))
    });
    pairs.collect()
}

/// Decodes percent-encoding (RFC 3986 section 2.1); `None` if the result is no UTF-8.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let byte = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..)?;
            }
            None => {
                bytes.push(b'%');
                rest = after;
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_service_has_a_variable_of_its_own() {
        let resource = |variables: &[(&str, &str)]| {
            let find = |name: &str| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            };
            let found = resource(&Environment(&find));
            found.map(|Resource(all)| {
                all.into_iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>()
            })
        };
        let list = ("OTEL_RESOURCE_ATTRIBUTES", "a=b%20c, service.name=x");
        assert_eq!(resource(&[]).unwrap(), ["service.name=mcpdump"]);
        assert_eq!(resource(&[list]).unwrap(), ["a=b c", "service.name=x"]);
        assert_eq!(resource(&[list, ("OTEL_SERVICE_NAME", "y")]).unwrap(), ["service.name=y", "a=b c"]);
        assert_eq!(resource(&[("OTEL_SERVICE_NAME", "")]).unwrap(), ["service.name=mcpdump"]);
        assert!(resource(&[("OTEL_RESOURCE_ATTRIBUTES", "nothing")]).is_err());
    }

    #[test]
    fn values_are_decoded() {
        let expected =
            [("Authorization", "Basic a=="), ("b", "100%")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(pairs("Authorization=Basic%20a==,b=100%,").unwrap(), expected);
        assert_eq!(pairs("a=%ff"), None);
        assert_eq!(pairs("a=%c3%a9"), Some(vec![("a".to_owned(), "\u{e9}".to_owned())]));
        assert_eq!(pairs("a=%\u{e9}"), Some(vec![("a".to_owned(), "%\u{e9}".to_owned())]));
    }
}
