using System.Net;
using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Cmdlets;

/// <summary>How to reach a RabbitMQ cluster: what <c>-Connection</c> takes. No property shows a secret.</summary>
public sealed class RabbitConnection
{
    internal RabbitConnection(BrokerOptions options, bool namesVirtualHost, bool lacksPassword)
    {
        Options = options;
        VirtualHost = namesVirtualHost ? options.VirtualHost : null;
        LacksPassword = lacksPassword;
    }

    /// <summary>Where AMQP is spoken, without user info; tried in turn.</summary>
    public IReadOnlyList<string> Uri => [.. Options.Endpoints.Select(endpoint => $"{Scheme}://{Authority(endpoint)}")];

    /// <summary>Base URIs of the management API, tried in turn.</summary>
    public IReadOnlyList<Uri> ManagementUri => Options.EffectiveManagementUris;

    /// <summary>Where the stream protocol is spoken, tried in turn.</summary>
    public IReadOnlyList<string> StreamUri => [.. Options.EffectiveStreamEndpoints.Select(endpoint => $"rabbitmq-stream{(UsesTls ? "+tls" : "")}://{Authority(endpoint)}")];

    /// <summary>The user.</summary>
    public string UserName => Options.Credential.UserName;

    /// <summary>The virtual host that the connection is limited to, or null for all that the user may see.</summary>
    public string? VirtualHost { get; }

    /// <summary>True with TLS.</summary>
    public bool UsesTls => Options.Tls is not null;

    /// <summary>True where the broker's certificate is not checked.</summary>
    public bool SkipCertificateCheck => Options.Tls?.SkipCertificateCheck ?? false;

    /// <summary>Subjects of the authorities that are trusted instead of the system's.</summary>
    public IReadOnlyList<string> CaCertificate => [.. (Options.Tls?.CaCertificates ?? []).Select(certificate => certificate.Subject)];

    /// <summary>Subject of the certificate shown to the broker, or null.</summary>
    public string? ClientCertificate => Options.Tls?.ClientCertificate?.Subject;

    /// <summary>For a connection to be open.</summary>
    public TimeSpan ConnectTimeout => Options.ConnectTimeout;

    /// <summary>For one answer of the broker.</summary>
    public TimeSpan RequestTimeout => Options.RequestTimeout;

    /// <summary>For one answer of the management API.</summary>
    public TimeSpan ManagementTimeout => Options.ManagementTimeout;

    /// <summary>Heartbeat proposed to the broker.</summary>
    public TimeSpan Heartbeat => Options.Heartbeat;

    /// <summary>What the engine takes; holds the password, therefore not public.</summary>
    internal BrokerOptions Options { get; }

    /// <summary>A user is named, but no password: it has to be asked for.</summary>
    internal bool LacksPassword { get; }

    private string Scheme => UsesTls ? "amqps" : "amqp";

    /// <inheritdoc/>
    public override string ToString() => VirtualHost is null ? Uri[0] : $"{Uri[0]}/{System.Uri.EscapeDataString(VirtualHost)}";

    /// <summary>From an AMQP URI.</summary>
    /// <exception cref="ArgumentException">It is none, with the reason.</exception>
    internal static RabbitConnection Parse(string uri)
    {
        AmqpUri parsed = AmqpUri.Parse(uri.Trim());
        BrokerOptions defaults = new();
        return new RabbitConnection(
            defaults with
            {
                Endpoints = parsed.Endpoints,
                Tls = parsed.Tls ? new TlsOptions() : null,
                Credential = parsed.UserName is { } user ? new NetworkCredential(user, parsed.Password) : defaults.Credential,
                VirtualHost = parsed.VirtualHost ?? defaults.VirtualHost,
            },
            namesVirtualHost: parsed.VirtualHost is not null,
            lacksPassword: parsed.UserName is not null && parsed.Password is null);
    }

    /// <summary>True where both reach the same nodes as the same user, whatever virtual host they are limited to.</summary>
    internal bool IsSameCluster(RabbitConnection other) => Uri.SequenceEqual(other.Uri) && ManagementUri.SequenceEqual(other.ManagementUri) && UserName == other.UserName;

    /// <summary>The same cluster with other credentials.</summary>
    internal RabbitConnection With(NetworkCredential credential) => new(Options with { Credential = credential }, VirtualHost is not null, lacksPassword: false);

    private static string Authority(DnsEndPoint endpoint) => endpoint.Host.Contains(':') ? $"[{endpoint.Host}]:{endpoint.Port}" : $"{endpoint.Host}:{endpoint.Port}";
}
