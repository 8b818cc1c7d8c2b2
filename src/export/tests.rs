use super::*;
use crate::base::Files;

#[test]
fn formats_are_found_by_name() {
    for format in FORMATS {
        assert_eq!(format.name.parse::<&Format>().unwrap().extension, format.extension);
        assert_eq!((format.writer)(Files::default()).wants(), Wants::default());
    }
    let error = "xml".parse::<&Format>().unwrap_err();
    assert_eq!(error.to_string(), "no export format \"xml\": expected jsonl, csv");
}
