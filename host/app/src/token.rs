//! The access token, as the operator hands it over.

use crate::failure::Failure;
use crate::output::Output;
use crate::typed_secret::Wanted;
use gitlab_sync_host::secrets::secret::Secret;

const TOKEN: Wanted = Wanted {
    variable: "GITLAB_TOKEN",
    prompt: "Access token",
    noun: "token",
    example: "gitlab-sync connect < token-file",
    letters: |letter| letter.is_ascii_graphic(),
};

pub(crate) async fn read(output: &Output) -> Result<Secret, Failure> {
    TOKEN.read(output).await
}
