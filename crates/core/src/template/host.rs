//! Host of a managed Ingress, from `ingress.domainTemplate` of the global ConfigMap.

use gotmpl::{MissingKey, Template, tmap};

use crate::labels::Labels;

/// What that template sees.
#[derive(Clone, Copy, Debug)]
pub struct HostData<'a> {
    /// `.Name` of the service.
    pub name: &'a str,
    /// `.Namespace` of the service.
    pub namespace: &'a str,
    /// `.IngressDomain` of the global ConfigMap.
    pub domain: &'a str,
    /// `.Labels` of the service.
    pub labels: &'a Labels,
    /// `.Annotations` of the service.
    pub annotations: &'a Labels,
}

/// Renders the host, or says why not.
pub fn host(text: &str, data: &HostData<'_>) -> Result<String, String> {
    let data = tmap! {
        "Name" => data.name,
        "Namespace" => data.namespace,
        "IngressDomain" => data.domain,
        "Labels" => data.labels.clone(),
        "Annotations" => data.annotations.clone(),
    };
    let rendered = || {
        let template = Template::new("domainTemplate").missing_key(MissingKey::Error).parse(text)?;
        template.execute_to_string(&data)
    };
    rendered().map_err(|error: gotmpl::TemplateError| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::labels;

    #[test]
    fn a_host_is_made_of_what_the_service_and_the_settings_say() {
        let labels = labels([("team", "a")]);
        let data = HostData {
            name: "llama",
            namespace: "ml",
            domain: "example.com",
            labels: &labels,
            annotations: &Labels::new(),
        };
        let text = "{{ .Name }}-{{ .Namespace }}.{{ .Labels.team }}.{{ .IngressDomain }}";
        assert_eq!(host(text, &data).as_deref(), Ok("llama-ml.a.example.com"));
        assert!(host("{{ .Nmae }}", &data).is_err_and(|why| why.contains("Nmae")));
        assert!(host("{{ .Name", &data).is_err());
    }
}
