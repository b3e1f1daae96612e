//! A file to S3 while it is being made: in parts of 8 MiB, so that no more than one part is held in memory.
//!
//! A file smaller than a part is one `PutObject`. What is given up, or dropped by an error, leaves nothing that is visible;
//! the parts of a process that died are the bucket's lifecycle rule's.

use aws_sdk_s3::{
    Client,
    primitives::ByteStream,
    types::{CompletedMultipartUpload, CompletedPart},
};

use crate::table::reason;

/// At least 5 MiB by S3's rules; with at most 10,000 parts this makes 80 GB.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html> (read 2026-11).
pub const PART: usize = 8 * 1024 * 1024;

/// A file that is being written.
#[derive(Debug)]
pub struct Upload<'a> {
    client: &'a Client,
    bucket: &'a str,
    key: String,
    content_type: &'static str,
    buffer: Vec<u8>,
    /// S3's id and the parts that it has, once there is more than one.
    begun: Option<(String, Vec<CompletedPart>)>,
    bytes: u64,
}

#[derive(Debug, thiserror::Error)]
#[error("upload {key}: {reason}")]
pub struct UploadError {
    key: String,
    reason: String,
}

impl<'a> Upload<'a> {
    pub fn new(client: &'a Client, bucket: &'a str, key: String, content_type: &'static str) -> Self {
        Self { client, bucket, key, content_type, buffer: Vec::new(), begun: None, bytes: 0 }
    }

    /// Bytes that were written so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes the next bytes, and sends every part that is full.
    ///
    /// # Errors
    /// When S3 refuses; the upload is given up then.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), UploadError> {
        self.bytes += bytes.len() as u64;
        for piece in bytes.chunks(PART) {
            self.buffer.extend_from_slice(piece);
            while self.buffer.len() >= PART {
                let rest = self.buffer.split_off(PART);
                let part = std::mem::replace(&mut self.buffer, rest);
                self.part(part).await?;
            }
        }
        Ok(())
    }

    /// Sends the rest; only now the file is there. Gives its key.
    ///
    /// # Errors
    /// When S3 refuses; the upload is given up then.
    pub async fn finish(mut self) -> Result<String, UploadError> {
        if self.begun.is_none() {
            let body = ByteStream::from(std::mem::take(&mut self.buffer));
            let request = self.client.put_object().bucket(self.bucket).key(&self.key);
            let sent = request.content_type(self.content_type).body(body).send().await;
            return match sent {
                Ok(_) => Ok(self.key),
                Err(error) => Err(self.error(reason(&error))),
            };
        }
        if !self.buffer.is_empty() {
            let last = std::mem::take(&mut self.buffer);
            self.part(last).await?;
        }
        let (id, parts) = self.begun.take().expect("it was begun");
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let request = self.client.complete_multipart_upload().bucket(self.bucket).key(&self.key).upload_id(&id);
        match request.multipart_upload(parts).send().await {
            Ok(_) => Ok(self.key),
            Err(error) => {
                let error = self.error(reason(&error));
                self.abort(&id).await;
                Err(error)
            }
        }
    }

    /// Leaves nothing behind.
    pub async fn give_up(mut self) {
        if let Some((id, _)) = self.begun.take() {
            self.abort(&id).await;
        }
    }

    async fn part(&mut self, bytes: Vec<u8>) -> Result<(), UploadError> {
        if self.begun.is_none() {
            let request = self.client.create_multipart_upload().bucket(self.bucket).key(&self.key);
            let output = request.content_type(self.content_type).send().await;
            let output = output.map_err(|error| self.error(reason(&error)))?;
            self.begun = Some((output.upload_id.unwrap_or_default(), Vec::new()));
        }
        let (id, parts) = self.begun.as_mut().expect("it was begun above");
        let number = i32::try_from(parts.len() + 1).unwrap_or(i32::MAX);
        let request = self.client.upload_part().bucket(self.bucket).key(&self.key).upload_id(id.as_str());
        match request.part_number(number).body(ByteStream::from(bytes)).send().await {
            Ok(output) => {
                parts.push(CompletedPart::builder().part_number(number).set_e_tag(output.e_tag).build());
                Ok(())
            }
            Err(error) => {
                let error = self.error(reason(&error));
                if let Some((id, _)) = self.begun.take() {
                    self.abort(&id).await;
                }
                Err(error)
            }
        }
    }

    async fn abort(&self, id: &str) {
        let request = self.client.abort_multipart_upload().bucket(self.bucket).key(&self.key).upload_id(id);
        if let Err(error) = request.send().await {
            tracing::warn!(key = self.key, reason = reason(&error), "parts are left to the bucket's lifecycle rule");
        }
    }

    fn error(&self, reason: String) -> UploadError {
        UploadError { key: self.key.clone(), reason }
    }
}

#[cfg(test)]
mod tests {
    use testkit::FakeAws;

    use super::*;

    /// A megabyte that is not all the same.
    fn megabyte(number: u8) -> Vec<u8> {
        (0..1024 * 1024).map(|at: u32| number ^ at.to_le_bytes()[1]).collect()
    }

    #[tokio::test]
    async fn a_large_file_goes_in_parts_and_a_small_one_at_once() {
        let aws = FakeAws::default();
        let client = Client::new(&aws.config());
        let mut upload = Upload::new(&client, "files", "large".to_owned(), "text/csv");
        let mut expected = Vec::new();
        for number in 0..20 {
            let piece = megabyte(number);
            upload.write(&piece).await.expect("S3 takes it");
            assert!(upload.buffer.len() < PART, "no more than a part is held");
            expected.extend(piece);
        }
        assert_eq!((upload.bytes(), aws.keys().len()), (20 * 1024 * 1024, 0), "nothing is visible yet");
        upload.finish().await.expect("S3 takes it");
        assert!(aws.object("files", "large").is_some_and(|(bytes, _)| bytes == expected));
        let mut upload = Upload::new(&client, "files", "small".to_owned(), "text/csv");
        upload.write(b"a,b").await.expect("held");
        upload.finish().await.expect("S3 takes it");
        assert_eq!(aws.object("files", "small"), Some((b"a,b".to_vec(), "text/csv".to_owned())));
        assert_eq!(aws.open_uploads(), 0);
    }

    #[tokio::test]
    async fn what_fails_or_is_given_up_leaves_nothing() {
        let aws = FakeAws::default();
        let client = Client::new(&aws.config());
        let mut upload = Upload::new(&client, "files", "a".to_owned(), "text/csv");
        upload.write(&vec![0; PART]).await.expect("S3 takes it");
        assert_eq!(aws.open_uploads(), 1);
        aws.refuse_put(503, "SlowDown");
        let error = upload.write(&vec![0; PART]).await.expect_err("refused");
        assert_eq!(error.to_string(), "upload a: SlowDown");
        assert_eq!(aws.open_uploads(), 0);
        let mut upload = Upload::new(&client, "files", "b".to_owned(), "text/csv");
        upload.write(&vec![0; 3 * PART]).await.expect("S3 takes it");
        upload.give_up().await;
        assert_eq!((aws.open_uploads(), aws.keys().len()), (0, 0));
    }
}
