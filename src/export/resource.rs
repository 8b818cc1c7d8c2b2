//! What telemetry says of its sender.

/// Attributes of the sender, such as `service.name` (OpenTelemetry, "Resource").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource(pub Vec<(String, String)>);

impl Default for Resource {
    fn default() -> Self {
        Self(vec![("service.name".to_owned(), env!("CARGO_PKG_NAME").to_owned())])
    }
}
