use super::*;

#[test]
fn formats_are_found_by_name() {
    for format in FORMATS {
        assert_eq!(format.name.parse::<&Format>().unwrap().extension, format.extension);
        let wants = Wants { payloads: format.name == "har", requests: format.name == otlp::NAME };
        assert_eq!((format.writer)(WriterOptions::default()).wants(), wants);
    }
    let error = "xml".parse::<&Format>().unwrap_err();
    let expected = "no export format \"xml\": expected jsonl, csv, har, trace, otlp";
    assert!(error.to_string().starts_with(expected), "{error}");
}
