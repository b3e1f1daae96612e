//! What the functions ask of S3, SES and SQS, in memory, behind the SDK's own client.
//!
//! What it keeps to:
//!
//! - S3 (path style): `PUT` stores and answers with a new ETag; with `If-None-Match: *` only where nothing is,
//!   with `If-Match` only over that ETag, else 412 `PreconditionFailed` (404 `NoSuchKey` for `If-Match` where nothing
//!   is); `GET` answers with the bytes and the ETag or with 404 `NoSuchKey`.
//!   <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html> (read 2026-11)
//! - S3 uploads in parts: begun, each part of at least 5 MiB but the last, completed (only now the object is there) or aborted.
//!   <https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html> (read 2026-11)
//! - SES v2 `SendEmail`: keeps the request and answers with an id, or with the next answer that a test queued.
//! - SQS `SendMessage`: keeps the request.
//! - Secrets Manager `GetSecretValue`: answers with the text that a test set, else `ResourceNotFoundException`.
//!
//! Anything else is a 501, so a test notices a call that it did not expect.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use aws_config::{BehaviorVersion, Region, retry::RetryConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_http_client::test_util::infallible_client_fn;
use aws_smithy_types::body::SdkBody;
use aws_types::SdkConfig;
use http::{Method, Request, Response};
use serde_json::{Value, json};

/// The doubles' state. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct FakeAws(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<String, Object>,
    writes: u64,
    /// Uploads in parts that are neither completed nor aborted: the key, and the parts so far.
    uploads: BTreeMap<String, (String, Vec<Vec<u8>>)>,
    mails: Vec<Value>,
    mail_answers: VecDeque<(u16, String)>,
    put_answers: VecDeque<(u16, String)>,
    put_takes: Duration,
    messages: Vec<Value>,
    secrets: BTreeMap<String, String>,
    secret_reads: u64,
}

#[derive(Debug, Clone)]
struct Object {
    bytes: Vec<u8>,
    content_type: String,
    etag: String,
}

impl FakeAws {
    /// What clients are made from. Nothing is retried, so each request is one that the function made.
    pub fn config(&self) -> SdkConfig {
        let fake = self.clone();
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("ap-southeast-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::for_tests()))
            .retry_config(RetryConfig::disabled())
            // An address, so that S3's bucket stands in the path. Nothing connects to it.
            .endpoint_url("http://127.0.0.1:9")
            .http_client(infallible_client_fn(move |request| fake.answer(&request)))
            .build()
    }

    /// Puts an object there, as another program would.
    pub fn put_object(&self, bucket: &str, key: &str, bytes: impl Into<Vec<u8>>) {
        let mut state = self.lock();
        let etag = state.next_etag();
        state
            .objects
            .insert(format!("{bucket}/{key}"), Object { bytes: bytes.into(), content_type: String::new(), etag });
    }

    /// (bytes, content type)
    pub fn object(&self, bucket: &str, key: &str) -> Option<(Vec<u8>, String)> {
        self.lock()
            .objects
            .get(&format!("{bucket}/{key}"))
            .map(|object| (object.bytes.clone(), object.content_type.clone()))
    }

    /// `bucket/key` of all objects.
    pub fn keys(&self) -> Vec<String> {
        self.lock().objects.keys().cloned().collect()
    }

    /// How often S3 took an object.
    pub fn writes(&self) -> u64 {
        self.lock().writes
    }

    /// Uploads in parts that nobody has completed or aborted.
    pub fn open_uploads(&self) -> usize {
        self.lock().uploads.len()
    }

    /// The requests that SES accepted.
    pub fn mails(&self) -> Vec<Value> {
        self.lock().mails.clone()
    }

    /// The requests that SQS accepted.
    pub fn messages(&self) -> Vec<Value> {
        self.lock().messages.clone()
    }

    /// The secret's text, or none any more.
    pub fn set_secret(&self, arn: &str, text: Option<&str>) {
        match text {
            Some(text) => self.lock().secrets.insert(arn.to_owned(), text.to_owned()),
            None => self.lock().secrets.remove(arn),
        };
    }

    /// How often a secret was asked for.
    pub fn secret_reads(&self) -> u64 {
        self.lock().secret_reads
    }

    /// SES answers its next request with this error instead.
    pub fn refuse_mail(&self, status: u16, code: &str) {
        self.lock().mail_answers.push_back((status, code.to_owned()));
    }

    /// S3 answers its next `PUT` with this error instead.
    pub fn refuse_put(&self, status: u16, code: &str) {
        self.lock().put_answers.push_back((status, code.to_owned()));
    }

    /// S3 takes this long for each `PUT`, during which the caller's thread does nothing else.
    pub fn slow_puts(&self, duration: Duration) {
        self.lock().put_takes = duration;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: &Request<SdkBody>) -> Response<SdkBody> {
        let mut state = self.lock();
        let path = request.uri().path().trim_start_matches('/').to_owned();
        let target = header(request, "x-amz-target");
        match (request.method(), path.as_str(), target.as_str()) {
            (&Method::POST, "v2/email/outbound-emails", _) => state.mail(request),
            (&Method::POST, _, "AmazonSQS.SendMessage") => {
                state.messages.push(json_of(request));
                reply(200, &[], json!({"MessageId": "m-1"}).to_string())
            }
            (&Method::POST, _, "secretsmanager.GetSecretValue") => state.secret(request),
            (&Method::POST, _, "") if query(request).contains("uploads") => state.begin_upload(path),
            (&Method::PUT, _, "") if query(request).contains("partNumber=") => state.part(request),
            (&Method::POST, _, "") => state.complete_upload(request),
            (&Method::DELETE, _, "") => {
                state.uploads.remove(&upload_id(request));
                reply(204, &[], "")
            }
            (&Method::PUT, _, "") => state.put(path, request),
            (&Method::GET, _, "") => state.get(&path),
            _ => reply(501, &[], format!("the double does not know {} {path} {target}", request.method())),
        }
    }
}

impl State {
    fn next_etag(&mut self) -> String {
        self.writes += 1;
        format!("\"{:032x}\"", self.writes)
    }

    fn mail(&mut self, request: &Request<SdkBody>) -> Response<SdkBody> {
        if let Some((status, code)) = self.mail_answers.pop_front() {
            return reply(status, &[("x-amzn-errortype", &code)], json!({"message": code}).to_string());
        }
        self.mails.push(json_of(request));
        reply(200, &[], json!({"MessageId": format!("mail-{}", self.mails.len())}).to_string())
    }

    fn secret(&mut self, request: &Request<SdkBody>) -> Response<SdkBody> {
        self.secret_reads += 1;
        let arn = json_of(request)["SecretId"].as_str().unwrap_or_default().to_owned();
        match self.secrets.get(&arn) {
            Some(text) => reply(200, &[], json!({"ARN": arn, "SecretString": text}).to_string()),
            None => reply(
                400,
                &[("x-amzn-errortype", "ResourceNotFoundException")],
                json!({"message": "no such secret"}).to_string(),
            ),
        }
    }

    fn put(&mut self, path: String, request: &Request<SdkBody>) -> Response<SdkBody> {
        thread::sleep(self.put_takes);
        if let Some((status, code)) = self.put_answers.pop_front() {
            return s3_error(status, &code);
        }
        let existing = self.objects.get(&path).map(|object| object.etag.clone());
        let (none_match, matches) = (header(request, "if-none-match"), header(request, "if-match"));
        if none_match == "*" && existing.is_some()
            || !matches.is_empty() && existing.as_ref().is_some_and(|etag| *etag != matches)
        {
            return s3_error(412, "PreconditionFailed");
        }
        if !matches.is_empty() && existing.is_none() {
            return s3_error(404, "NoSuchKey");
        }
        let etag = self.next_etag();
        let bytes = request.body().bytes().expect("the functions send what they hold in memory").to_vec();
        let object = Object { bytes, content_type: header(request, "content-type"), etag: etag.clone() };
        self.objects.insert(path, object);
        reply(200, &[("etag", &etag)], "")
    }

    fn begin_upload(&mut self, path: String) -> Response<SdkBody> {
        let id = self.next_etag().replace('"', "");
        let body = format!("<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>");
        self.uploads.insert(id, (path, Vec::new()));
        reply(200, &[], body)
    }

    fn part(&mut self, request: &Request<SdkBody>) -> Response<SdkBody> {
        if let Some((status, code)) = self.put_answers.pop_front() {
            return s3_error(status, &code);
        }
        let etag = self.next_etag();
        let Some((_, parts)) = self.uploads.get_mut(&upload_id(request)) else { return s3_error(404, "NoSuchUpload") };
        parts.push(request.body().bytes().expect("a part is held in memory").to_vec());
        reply(200, &[("etag", &etag)], "")
    }

    fn complete_upload(&mut self, request: &Request<SdkBody>) -> Response<SdkBody> {
        let Some((path, parts)) = self.uploads.remove(&upload_id(request)) else {
            return s3_error(404, "NoSuchUpload");
        };
        let listed = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).matches("<Part>").count();
        let is_large = |part: &Vec<u8>| part.len() >= 5 * 1024 * 1024;
        if listed != parts.len() || !parts.iter().rev().skip(1).all(is_large) {
            return s3_error(400, "EntityTooSmall");
        }
        let object = Object { bytes: parts.concat(), content_type: String::new(), etag: self.next_etag() };
        self.objects.insert(path, object);
        reply(200, &[], "<CompleteMultipartUploadResult></CompleteMultipartUploadResult>")
    }

    fn get(&self, path: &str) -> Response<SdkBody> {
        match self.objects.get(path) {
            None => s3_error(404, "NoSuchKey"),
            Some(object) => {
                reply(200, &[("etag", &object.etag), ("content-type", &object.content_type)], object.bytes.clone())
            }
        }
    }
}

fn query(request: &Request<SdkBody>) -> &str {
    request.uri().query().unwrap_or_default()
}

fn upload_id(request: &Request<SdkBody>) -> String {
    let id = query(request).split('&').find_map(|pair| pair.strip_prefix("uploadId="));
    id.unwrap_or_default().to_owned()
}

fn header(request: &Request<SdkBody>, name: &str) -> String {
    request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

fn json_of(request: &Request<SdkBody>) -> Value {
    serde_json::from_slice(request.body().bytes().unwrap_or_default()).expect("the SDK writes JSON")
}

fn s3_error(status: u16, code: &str) -> Response<SdkBody> {
    reply(status, &[], format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{code}</Message></Error>"))
}

fn reply(status: u16, headers: &[(&str, &str)], body: impl Into<SdkBody>) -> Response<SdkBody> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body.into()).expect("the parts are right")
}
