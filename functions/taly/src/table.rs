//! DynamoDB's values, and what its errors are called.

use std::{collections::HashMap, fmt::Display};

use aws_sdk_dynamodb::{
    error::{ProvideErrorMetadata, SdkError},
    types::AttributeValue,
};

pub type Item = HashMap<String, AttributeValue>;

pub fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// Any number by its digits.
pub fn number(value: impl Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// A text, or the digits of a number; empty when it is neither or not there.
pub fn get<'a>(item: &'a Item, name: &str) -> &'a str {
    match item.get(name) {
        Some(AttributeValue::S(value) | AttributeValue::N(value)) => value,
        _ => "",
    }
}

/// A whole number; `None` when it is not there or none.
pub fn integer<T: std::str::FromStr>(item: &Item, name: &str) -> Option<T> {
    get(item, name).parse().ok()
}

/// The service's code, or what kept it from answering.
pub fn reason<E: ProvideErrorMetadata>(error: &SdkError<E>) -> String {
    match error {
        SdkError::ServiceError(service) => service.err().code().unwrap_or("unknown error").to_owned(),
        SdkError::TimeoutError(_) => "no answer in time".to_owned(),
        _ => "could not be reached".to_owned(),
    }
}
