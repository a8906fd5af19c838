using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using RabbitMQ.Client;

namespace RabbitMqBackup.Engine.Broker;

/// <summary><see cref="BrokerOptions"/> in RabbitMQ.Client's terms.</summary>
internal static class BrokerConnectionFactory
{
    internal static ConnectionFactory Create(BrokerOptions options, string virtualHost, bool recovers = false)
    {
        ConnectionFactory factory = new()
        {
            VirtualHost = virtualHost,
            UserName = options.Credential.UserName,
            Password = options.Credential.Password,
            ClientProvidedName = "RabbitMqBackup control",
            RequestedConnectionTimeout = options.ConnectTimeout,
            HandshakeContinuationTimeout = options.ConnectTimeout,
            ContinuationTimeout = options.RequestTimeout,
            RequestedHeartbeat = options.Heartbeat,
            // A connection that comes back by itself would hide that what it held was given back.
            AutomaticRecoveryEnabled = recovers,
            TopologyRecoveryEnabled = recovers,
        };
        if (options.Tls?.ClientCertificate is not null && options.Credential.UserName.Length == 0)
        {
            factory.AuthMechanisms = [new ExternalMechanismFactory()];
        }

        return factory;
    }

    internal static IReadOnlyList<AmqpTcpEndpoint> Endpoints(BrokerOptions options) =>
        [.. options.Endpoints.Select(endpoint => new AmqpTcpEndpoint(endpoint.Host, endpoint.Port, Ssl(options.Tls, endpoint.Host)))];

    private static SslOption Ssl(TlsOptions? tls, string host)
    {
        if (tls is null)
        {
            return new SslOption { Enabled = false };
        }

        return new SslOption
        {
            Enabled = true,
            ServerName = host,
            Certs = tls.ClientCertificate is { } certificate ? [certificate] : null,
            CertificateValidationCallback = (_, shown, _, errors) => tls.SkipCertificateCheck || IsTrusted(tls.CaCertificates, shown, errors),
        };
    }

    private static bool IsTrusted(X509Certificate2Collection? authorities, X509Certificate? shown, SslPolicyErrors errors)
    {
        if (authorities is null || shown is null || (errors & ~SslPolicyErrors.RemoteCertificateChainErrors) != 0)
        {
            return errors == SslPolicyErrors.None;
        }

        using X509Certificate2 certificate = new(shown);
        using X509Chain chain = new();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        return chain.Build(certificate);
    }
}
