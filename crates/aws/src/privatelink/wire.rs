//! A client whose every call is answered with the same text, parsed as an answer of AWS is.

use aws_credential_types::Credentials;
use aws_sdk_ec2::config::{BehaviorVersion, Config, Region};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;

#[derive(Debug)]
struct Answer(String);

impl HttpConnector for Answer {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let ok = StatusCode::try_from(200).unwrap();
        HttpConnectorFuture::ready(Ok(HttpResponse::new(ok, SdkBody::from(self.0.as_str()))))
    }
}

pub(super) fn answering(text: &str) -> aws_sdk_ec2::Client {
    let connector = SharedHttpConnector::new(Answer(text.to_owned()));
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("AKIA", "secret", None, None, "test"))
        .http_client(http_client_fn(move |_: &HttpConnectorSettings, _| connector.clone()))
        .build();
    aws_sdk_ec2::Client::from_conf(config)
}
