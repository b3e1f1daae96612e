//! A letter to one recipient through SES v2, and what its answers mean: whether to try again, and whether the mail may have
//! left all the same.
//!
//! Knows no templates and remembers nothing: SES cannot tell a repetition, so who calls must.

use aws_sdk_sesv2::{
    Client,
    config::retry::RetryConfig,
    error::{ProvideErrorMetadata, SdkError},
    operation::send_email::SendEmailError,
    types::{Body, Content, Destination, EmailContent, Message},
};
use aws_types::{SdkConfig, region::Region};

use crate::queue::Failure;

/// A mail, ready to be sent but for its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// What is known after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    NotSent,
    Unknown,
}

/// A client that repeats nothing by itself: SES has no way to recognise a repetition, and a lost answer would become a
/// second mail.
pub fn client(config: &SdkConfig, region: String) -> Client {
    let config = aws_sdk_sesv2::config::Builder::from(config);
    Client::from_conf(config.region(Region::new(region)).retry_config(RetryConfig::disabled()).build())
}

/// Sends, and gives SES's id of the mail.
///
/// # Errors
/// What to do about it, and what is known of the mail.
pub async fn send(ses: &Client, from: &str, to: &str, letter: Letter) -> Result<String, (Failure, Certainty)> {
    let message = message(letter).map_err(|error| (Failure::never(format!("mail: {error}")), Certainty::NotSent))?;
    let request = ses
        .send_email()
        .from_email_address(from)
        .destination(Destination::builder().to_addresses(to).build())
        .content(EmailContent::builder().simple(message.build()).build());
    match request.send().await {
        Ok(output) => Ok(output.message_id.unwrap_or_default()),
        Err(error) => Err(judge(&error)),
    }
}

/// Subject and both bodies in UTF-8; attachments can be added.
///
/// # Errors
/// Never with what a [`Letter`] holds; the SDK's builder could refuse.
pub fn message(
    letter: Letter,
) -> Result<aws_sdk_sesv2::types::builders::MessageBuilder, aws_sdk_sesv2::error::BuildError> {
    let utf8 = |data: String| Content::builder().data(data).charset("UTF-8").build();
    let body = Body::builder().text(utf8(letter.text)?).html(utf8(letter.html)?).build();
    Ok(Message::builder().subject(utf8(letter.subject)?).body(body))
}

/// Whether to try again, and whether SES may have taken the mail all the same.
///
/// Source: <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html#API_SendEmail_Errors> (read 2026-11).
pub fn judge(error: &SdkError<SendEmailError>) -> (Failure, Certainty) {
    let code = match error {
        SdkError::ServiceError(service) => service.err().code().unwrap_or("unknown error"),
        SdkError::TimeoutError(_) => "no answer in time",
        _ => "could not be reached",
    };
    let said = format!("SES: {code}");
    match error {
        SdkError::ConstructionFailure(_) => (Failure::never(said), Certainty::NotSent),
        SdkError::ServiceError(service) => match service.err() {
            SendEmailError::MessageRejected(_) | SendEmailError::BadRequestException(_) => {
                let why = service.err().message().unwrap_or("no reason given");
                (Failure::never(format!("{said}: {why}")), Certainty::NotSent)
            }
            // Throttled, paused, a missing permission: an answer below 500 is a refusal.
            _ if service.raw().status().as_u16() < 500 => (Failure::later(said), Certainty::NotSent),
            _ => (Failure::later(said), Certainty::Unknown),
        },
        _ => (Failure::later(said), Certainty::Unknown),
    }
}

/// Whether `address` is one plain mail address. SES would refuse another too, but only after the right to send was taken.
pub fn is_address(address: &str) -> bool {
    let is_plain = address.len() <= 320
        && !address.chars().any(|letter| letter.is_whitespace() || letter.is_control() || letter == ',');
    let parts = address.split_once('@');
    is_plain && parts.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'))
}

/// Without line breaks: such a value must not begin a line of its own in a text, nor in a subject.
pub fn one_line(text: &str) -> String {
    let words = text.split(|letter: char| letter.is_control() || letter.is_whitespace());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_plain_address_is_an_address() {
        assert!(is_address("anh@example.com"));
        for other in ["", "anh", "@x", "anh@", "a@b@c", "a@b, c@d", "a@b\nBcc: c@d"] {
            assert!(!is_address(other), "{other}");
        }
    }
}
