//! Calls of the API, each held against its description.

use super::super::server::{Answer, Server, answer};
use super::schema::complaint;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};

/// Somebody who reads the description first.
pub(crate) struct Client {
    address: SocketAddr,
    pub(crate) document: Value,
    /// Operations that were called, and whether it was done.
    called: RefCell<BTreeSet<(String, bool)>>,
}

impl Client {
    pub(crate) fn of(server: &Server) -> Self {
        let described = call(server.address, "GET", "/api/openapi.json", "", None);
        assert_eq!(described.status, 200, "{}", described.body);
        let document = serde_json::from_str(&described.body).unwrap();
        Self { address: server.address, document, called: RefCell::default() }
    }

    /// What is answered, after it was found to be as it is described.
    pub(crate) fn call(&self, token: &str, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let operation = self.operation(method, path);
        if let Some(body) = &body {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let said = complaint(&self.document, schema, body, "sent");
            assert_eq!(said, None, "{method} {path}: a test sends what is described");
        }
        let answer = call(self.address, method, path, token, body.map(|body| body.to_string()).as_deref());
        self.hold(&operation, &answer, &format!("{method} {path}"))
    }

    /// What is done, with this status.
    pub(crate) fn done(&self, token: &str, method: &str, path: &str, body: Option<Value>) -> Value {
        let (status, value) = self.call(token, method, path, body);
        assert!(status < 300, "{method} {path}: {status} {value}");
        value
    }

    /// What is refused: its status and code.
    pub(crate) fn refused(&self, token: &str, method: &str, path: &str, body: Option<Value>) -> (u16, String) {
        let (status, value) = self.call(token, method, path, body);
        assert!(status >= 400, "{method} {path}: {status} {value}");
        assert!(!value["remedy"].as_str().unwrap().is_empty(), "{value}");
        (status, value["code"].as_str().unwrap().to_owned())
    }

    fn hold(&self, operation: &Value, answer: &Answer, at: &str) -> (u16, Value) {
        let known = &operation["responses"][answer.status.to_string()];
        let described = if known.is_null() { &operation["responses"]["default"] } else { known };
        assert_eq!(known.is_null(), answer.status >= 400, "{at}: {} {}", answer.status, answer.body);
        let id = operation["operationId"].as_str().unwrap().to_owned();
        self.called.borrow_mut().insert((id, !known.is_null()));
        let schema = &described["content"]["application/json"]["schema"];
        if schema.is_null() {
            assert_eq!(answer.body, "", "{at}: an answer without a description has no body");
            return (answer.status, Value::Null);
        }
        let value: Value = serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("{at}: {}", answer.body));
        assert_eq!(complaint(&self.document, schema, &value, "answer"), None, "{at}: {value}");
        assert!(answer.headers.contains(&("cache-control".into(), "no-store".into())), "{at}: {:?}", answer.headers);
        (answer.status, value)
    }

    /// The operation whose path this is, with names in braces for parts.
    fn operation(&self, method: &str, path: &str) -> Value {
        let path = path.split('?').next().unwrap();
        let fits = |template: &str| {
            let (one, two): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
            one.len() == two.len() && one.iter().zip(&two).all(|(one, two)| one.starts_with('{') || one == two)
        };
        let paths = self.document["paths"].as_object().unwrap();
        let mut found = paths.iter().filter(|(template, _)| fits(template));
        let (_, methods) = found.next().unwrap_or_else(|| panic!("{path} is not described"));
        assert!(found.next().is_none(), "{path} is described twice");
        let operation = &methods[method.to_lowercase()];
        assert!(operation.is_object(), "{method} {path} is not described");
        operation.clone()
    }

    /// Method, path and description of every operation.
    pub(crate) fn operations(&self) -> Vec<(String, String, Value)> {
        let paths = self.document["paths"].as_object().unwrap();
        let all = paths.iter().flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().iter();
            methods.map(|(method, it)| (method.to_uppercase(), path.clone(), it.clone()))
        });
        all.collect()
    }

    /// Operations that were not called yet, and done or refused.
    pub(crate) fn untried(&self, done: bool) -> Vec<String> {
        let all = self.operations().into_iter().map(|(_, _, it)| it["operationId"].as_str().unwrap().to_owned());
        all.filter(|id| !self.called.borrow().contains(&(id.clone(), done))).collect()
    }
}

pub(crate) fn call(address: SocketAddr, method: &str, path: &str, token: &str, body: Option<&str>) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(super::super::server::PATIENCE)).unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: it\r\nconnection: close\r\n");
    if !token.is_empty() {
        head.push_str(&format!("authorization: Bearer {token}\r\n"));
    }
    if let Some(body) = body {
        head.push_str(&format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()));
    }
    stream.write_all((head + "\r\n" + body.unwrap_or_default()).as_bytes()).unwrap();
    answer(stream).unwrap()
}
