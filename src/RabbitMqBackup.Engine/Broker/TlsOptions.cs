using System.Security.Cryptography.X509Certificates;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>TLS towards the broker: AMQP, management and streams alike.</summary>
public sealed record TlsOptions
{
    /// <summary>Authorities to trust instead of the system's, or null for the system's.</summary>
    public X509Certificate2Collection? CaCertificates { get; init; }

    /// <summary>The certificate to show to the broker, with its private key, or null.</summary>
    public X509Certificate2? ClientCertificate { get; init; }

    /// <summary>Accept whatever certificate the broker shows. Default false.</summary>
    public bool SkipCertificateCheck { get; init; }
}
