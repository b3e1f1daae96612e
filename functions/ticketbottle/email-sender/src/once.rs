//! Who may send the mail of an event, and whether it was sent.
//!
//! SES cannot tell a repetition, so the function must. It has no database; what it has is the tickets'
//! bucket, and S3's conditional writes make an object there a lock and a memory: `mail/EVENT.json` is created
//! only where nothing is (`If-None-Match`), and changed only over the state that was read (`If-Match`). No
//! other service, table or clean-up is needed, and a lifecycle rule on `mail/` forgets old ones.
//!
//! A marker says `sending` until a time, or `sent`. Whoever dies while sending leaves `sending` behind; after that
//! time (the invocation's own deadline, when Lambda has ended it for certain) another may try. That is the
//! one way in which a second mail can come: SES took it, and the process died before it could say so.

use std::time::Duration;

use aws_sdk_s3::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    primitives::ByteStream,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
enum Marker {
    Sending { until: Timestamp },
    Sent { at: Timestamp, message_id: String },
}

/// The right to send one event's mail.
#[derive(Debug)]
pub struct Right {
    key: String,
    etag: String,
}

/// Whether one may send.
#[derive(Debug)]
pub enum Claim {
    Granted(Right),
    /// It was sent before.
    Sent,
    /// Someone else is at it.
    Busy,
}

#[derive(Debug, thiserror::Error)]
pub enum OnceError {
    #[error("{doing} {key}: {reason}")]
    S3 { doing: &'static str, key: String, reason: String },
    #[error("{key} is not a marker of this function")]
    Unreadable { key: String },
}

/// The markers in one bucket.
#[derive(Debug, Clone, Copy)]
pub struct Once<'a> {
    pub s3: &'a Client,
    pub bucket: &'a str,
}

impl Once<'_> {
    /// Asks for the right to send, for as long as `lease`.
    ///
    /// # Errors
    /// When S3 cannot say.
    pub async fn claim(&self, event_id: Uuid, lease: Duration, now: Timestamp) -> Result<Claim, OnceError> {
        let key = format!("mail/{event_id}.json");
        let until = now
            .saturating_add(SignedDuration::try_from(lease).unwrap_or(SignedDuration::MAX))
            .unwrap_or(Timestamp::MAX);
        let sending = Marker::Sending { until };
        if let Some(etag) = self.put(&key, &sending, None).await? {
            return Ok(Claim::Granted(Right { key, etag }));
        }
        let (marker, etag) = self.get(&key).await?;
        match marker {
            Marker::Sent { .. } => Ok(Claim::Sent),
            Marker::Sending { until } if now < until => Ok(Claim::Busy),
            Marker::Sending { .. } => Ok(match self.put(&key, &sending, Some(&etag)).await? {
                Some(etag) => Claim::Granted(Right { key, etag }),
                None => Claim::Busy,
            }),
        }
    }

    /// Remembers that the mail was sent.
    ///
    /// # Errors
    /// When S3 does not take it: then the mail will be sent again after the lease.
    pub async fn sent(&self, right: &Right, message_id: &str, now: Timestamp) -> Result<(), OnceError> {
        let marker = Marker::Sent { at: now, message_id: message_id.to_owned() };
        self.put(&right.key, &marker, Some(&right.etag)).await?;
        Ok(())
    }

    /// Gives the right back: nothing was sent for certain, and the next may try at once.
    ///
    /// # Errors
    /// When S3 does not take it: then the next must wait for the end of the lease.
    pub async fn give_back(&self, right: &Right) -> Result<(), OnceError> {
        self.put(&right.key, &Marker::Sending { until: Timestamp::UNIX_EPOCH }, Some(&right.etag)).await?;
        Ok(())
    }

    /// Writes only where nothing is, or over `etag`. `None` when something else is there.
    async fn put(&self, key: &str, marker: &Marker, etag: Option<&str>) -> Result<Option<String>, OnceError> {
        let body = serde_json::to_vec(marker).expect("a marker is plain data");
        let request = self
            .s3
            .put_object()
            .bucket(self.bucket)
            .key(key)
            .content_type("application/json")
            .body(ByteStream::from(body));
        let request = match etag {
            None => request.if_none_match("*"),
            Some(etag) => request.if_match(etag),
        };
        match request.send().await {
            Ok(output) => Ok(Some(output.e_tag.unwrap_or_default())),
            // The second is S3's answer to two writes at the same moment, the third to one over what is gone.
            Err(error)
                if matches!(error.code(), Some("PreconditionFailed" | "ConditionalRequestConflict" | "NoSuchKey")) =>
            {
                Ok(None)
            }
            Err(error) => Err(OnceError::S3 { doing: "write", key: key.to_owned(), reason: reason(&error) }),
        }
    }

    async fn get(&self, key: &str) -> Result<(Marker, String), OnceError> {
        let failed = |reason: String| OnceError::S3 { doing: "read", key: key.to_owned(), reason };
        let output =
            self.s3.get_object().bucket(self.bucket).key(key).send().await.map_err(|error| failed(reason(&error)))?;
        let etag = output.e_tag.clone().unwrap_or_default();
        let bytes = output.body.collect().await.map_err(|error| failed(error.to_string()))?.into_bytes();
        let marker = serde_json::from_slice(&bytes).map_err(|_| OnceError::Unreadable { key: key.to_owned() })?;
        Ok((marker, etag))
    }
}

/// The service's code, or what kept it from answering.
pub fn reason<E: ProvideErrorMetadata>(error: &SdkError<E>) -> String {
    match error {
        SdkError::ServiceError(service) => service.err().code().unwrap_or("unknown error").to_owned(),
        SdkError::TimeoutError(_) => "no answer in time".to_owned(),
        _ => "could not be reached".to_owned(),
    }
}
