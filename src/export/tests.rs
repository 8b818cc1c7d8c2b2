use super::*;

#[test]
fn formats_are_found_by_name() {
    for format in FORMATS {
        assert_eq!(format.name.parse::<&Format>().unwrap().extension, format.extension);
        let wants = Wants { payloads: format.name == "har" };
        assert_eq!((format.writer)(WriterOptions::default()).wants(), wants);
    }
    let error = "xml".parse::<&Format>().unwrap_err();
    assert_eq!(error.to_string(), "no export format \"xml\": expected jsonl, csv, har, trace");
}
