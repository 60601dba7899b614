//! Filter operators of a property search: each kind of field has its own, and no others.

use serde_json::{Map, Value};

use super::only;

/// What one record says about a field.
#[derive(Clone, Debug)]
pub enum Field {
    Number(Option<f64>),
    /// A code or keyword such as a ZIP.
    Code(String),
    /// A text such as a city.
    Text(String),
    Flag(bool),
}

/// A filter on one field, checked when the request arrived.
#[derive(Clone, Debug)]
pub enum Filter {
    Range { min: Option<f64>, max: Option<f64> },
    Words(Vec<(Operator, Vec<String>)>),
    Flag(bool),
}

/// The operators on words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Equals,
    InList,
    NotInList,
    Matches,
    Contains,
    StartsWith,
    EndsWith,
}

const WORD_OPERATORS: [(&str, Operator); 7] = [
    ("equals", Operator::Equals),
    ("inList", Operator::InList),
    ("notInList", Operator::NotInList),
    ("matches", Operator::Matches),
    ("contains", Operator::Contains),
    ("startsWith", Operator::StartsWith),
    ("endsWith", Operator::EndsWith),
];

/// Operators that only codes have; texts do without them.
const CODE_ONLY: [Operator; 3] = [Operator::Contains, Operator::StartsWith, Operator::EndsWith];

/// Reads a filter for a field of the sample's kind.
pub fn parse(sample: &Field, given: &Map<String, Value>, place: &str) -> Result<Filter, String> {
    if given.is_empty() {
        return Err(format!("{place}: no operator given"));
    }
    match sample {
        Field::Number(_) => {
            only(given, place, &["min", "max"])?;
            Ok(Filter::Range {
                min: number(given, "min", place)?,
                max: number(given, "max", place)?,
            })
        }
        Field::Flag(_) => {
            only(given, place, &["equals"])?;
            let wanted = given.get("equals").and_then(Value::as_bool);
            wanted
                .map(Filter::Flag)
                .ok_or_else(|| format!("{place}.equals must be a boolean"))
        }
        Field::Code(_) => words(given, place, &[]),
        Field::Text(_) => words(given, place, &CODE_ONLY),
    }
}

fn number(given: &Map<String, Value>, name: &str, place: &str) -> Result<Option<f64>, String> {
    match given.get(name) {
        None => Ok(None),
        Some(Value::Number(number)) => Ok(number.as_f64()),
        Some(_) => Err(format!("{place}.{name} must be a number")),
    }
}

fn words(given: &Map<String, Value>, place: &str, barred: &[Operator]) -> Result<Filter, String> {
    let mut all = Vec::new();
    for (name, value) in given {
        let known = WORD_OPERATORS
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, operator)| *operator);
        let operator = known.filter(|operator| !barred.contains(operator));
        let operator = operator.ok_or_else(|| format!("{place}: unknown property \"{name}\""))?;
        all.push((
            operator,
            operands(operator, value)
                .ok_or_else(|| format!("{place}.{name} has the wrong type"))?,
        ));
    }
    Ok(Filter::Words(all))
}

fn operands(operator: Operator, value: &Value) -> Option<Vec<String>> {
    match (operator, value) {
        (Operator::InList | Operator::NotInList | Operator::Matches, Value::Array(texts)) => texts
            .iter()
            .map(|text| text.as_str().map(str::to_owned))
            .collect(),
        (Operator::InList | Operator::NotInList | Operator::Matches, _) => None,
        (_, Value::String(text)) => Some(vec![text.clone()]),
        _ => None,
    }
}

impl Filter {
    /// Whether a record's field passes.
    #[must_use]
    pub fn passes(&self, field: &Field) -> bool {
        match (self, field) {
            (Self::Range { min, max }, Field::Number(Some(number))) => {
                min.is_none_or(|min| *number >= min) && max.is_none_or(|max| *number <= max)
            }
            (Self::Flag(wanted), Field::Flag(flag)) => wanted == flag,
            (Self::Words(all), Field::Code(word) | Field::Text(word)) => all
                .iter()
                .all(|(operator, operands)| holds(*operator, operands, word)),
            _ => false,
        }
    }
}

fn holds(operator: Operator, operands: &[String], word: &str) -> bool {
    let word = word.to_lowercase();
    let any =
        |test: &dyn Fn(&str) -> bool| operands.iter().any(|operand| test(&operand.to_lowercase()));
    match operator {
        Operator::Equals | Operator::InList | Operator::Matches => any(&|operand| word == operand),
        Operator::NotInList => !any(&|operand| word == operand),
        Operator::Contains => any(&|operand| word.contains(operand)),
        Operator::StartsWith => any(&|operand| word.starts_with(operand)),
        Operator::EndsWith => any(&|operand| word.ends_with(operand)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(sample: &Field, given: &Value) -> Result<Filter, String> {
        parse(sample, given.as_object().expect("an object"), "x")
    }

    #[test]
    fn each_kind_of_field_has_its_own_operators() {
        let number = Field::Number(Some(5.0));
        assert!(
            read(&number, &json!({"min": 5, "max": 5.5}))
                .expect("a range")
                .passes(&number)
        );
        assert!(
            !read(&number, &json!({"min": 6}))
                .expect("a range")
                .passes(&number)
        );
        assert!(
            !read(&number, &json!({"min": 6}))
                .expect("a range")
                .passes(&Field::Number(None))
        );
        assert!(read(&number, &json!({"equals": 5})).is_err());
        let zip = Field::Code("90028".into());
        assert!(
            read(&zip, &json!({"inList": ["90028", "90038"]}))
                .expect("a list")
                .passes(&zip)
        );
        assert!(
            !read(&zip, &json!({"notInList": ["90028"]}))
                .expect("a list")
                .passes(&zip)
        );
        assert!(
            read(&zip, &json!({"startsWith": "900"}))
                .expect("a start")
                .passes(&zip)
        );
        assert!(read(&zip, &json!({"in": ["90028"]})).is_err());
        assert!(read(&zip, &json!({"equals": 90028})).is_err());
        assert!(read(&Field::Text("x".into()), &json!({"contains": "x"})).is_err());
        assert!(read(&Field::Flag(true), &json!({"equals": "true"})).is_err());
        assert!(read(&Field::Flag(true), &json!({})).is_err());
    }
}
