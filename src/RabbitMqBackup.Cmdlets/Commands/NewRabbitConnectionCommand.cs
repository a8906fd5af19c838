using System.Management.Automation;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Cmdlets.Commands;

/// <summary>Describes how to reach a cluster, where an AMQP URI is not enough. Connects to nothing yet.</summary>
[Cmdlet(VerbsCommon.New, "RabbitConnection")]
[OutputType(typeof(RabbitConnection))]
public sealed class NewRabbitConnectionCommand : AsyncCmdlet
{
    /// <summary>AMQP URIs of the cluster's nodes, tried in turn; all of them with the same scheme.</summary>
    [Parameter(Position = 0)]
    [ValidateNotNullOrEmpty]
    public string[] Uri { get; set; } = ["amqp://localhost:5672"];

    /// <summary>Base URIs of the management API, tried in turn. Default: each host, port 15672 (15671 with TLS).</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public Uri[] ManagementUri { get; set; } = [];

    /// <summary>Where the stream protocol listens, <c>rabbitmq-stream://host:port</c>, tried in turn. Default: each host, port 5552 (5551 with TLS).</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public Uri[] StreamUri { get; set; } = [];

    /// <summary>User and password, instead of those in the URI.</summary>
    [Parameter]
    [Credential]
    [ValidateNotNull]
    public PSCredential? Credential { get; set; }

    /// <summary>The virtual host to limit the work to, instead of the one in the URI.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? VirtualHost { get; set; }

    /// <summary>Authorities to trust instead of the system's: certificates, or paths of PEM or DER files.</summary>
    [Parameter]
    [CertificateTransformation]
    [ValidateNotNullOrEmpty]
    public X509Certificate2[]? CaCertificate { get; set; }

    /// <summary>The certificate to show to the broker: one with its private key, or the path of a PFX or PEM file.</summary>
    [Parameter]
    [CertificateTransformation(WithKey = true)]
    [ValidateNotNull]
    public X509Certificate2? ClientCertificate { get; set; }

    /// <summary>Accepts whatever certificate the broker shows. For trying out only.</summary>
    [Parameter]
    public SwitchParameter SkipCertificateCheck { get; set; }

    /// <summary>Seconds for a connection to be open.</summary>
    [Parameter]
    [ValidateRange(1, 3600)]
    public int ConnectTimeoutSec { get; set; } = 15;

    /// <summary>Seconds for one answer of the broker.</summary>
    [Parameter]
    [ValidateRange(1, 3600)]
    public int RequestTimeoutSec { get; set; } = 60;

    /// <summary>Seconds for one answer of the management API.</summary>
    [Parameter]
    [ValidateRange(1, 3600)]
    public int ManagementTimeoutSec { get; set; } = 120;

    /// <summary>Seconds between heartbeats, as proposed to the broker.</summary>
    [Parameter]
    [ValidateRange(1, 3600)]
    public int HeartbeatSec { get; set; } = 30;

    /// <inheritdoc/>
    protected override void Process()
    {
        AmqpUri[] uris = [.. Uri.Select(uri => AmqpUri.Parse(uri.Trim()))];
        if (uris.Any(uri => uri.Tls != uris[0].Tls))
        {
            throw new ArgumentException("The URIs of one connection are either all amqp:// or all amqps://.", nameof(Uri));
        }

        RabbitConnection connection = RabbitConnection.Parse(Uri[0]);

        Uri[] management = [.. ManagementUri.Select(Checked)];
        DnsEndPoint[] streams = [.. StreamUri.Select(uri => StreamEndpoint(uri, uris[0].Tls))];

        // Without a user name the certificate tells the broker who it is (SASL EXTERNAL).
        bool speaksByCertificate = ClientCertificate is not null && uris[0].UserName is null;
        BrokerOptions options = connection.Options with
        {
            Endpoints = [.. uris.SelectMany(uri => uri.Endpoints)],
            ManagementUri = management.FirstOrDefault(),
            FurtherManagementUris = [.. management.Skip(1)],
            StreamEndpoint = streams.FirstOrDefault(),
            FurtherStreamEndpoints = [.. streams.Skip(1)],
            Credential = Credential?.GetNetworkCredential() ?? (speaksByCertificate ? new NetworkCredential() : connection.Options.Credential),
            VirtualHost = VirtualHost ?? connection.Options.VirtualHost,
            Tls = Tls(uris[0].Tls),
            ConnectTimeout = TimeSpan.FromSeconds(ConnectTimeoutSec),
            RequestTimeout = TimeSpan.FromSeconds(RequestTimeoutSec),
            ManagementTimeout = TimeSpan.FromSeconds(ManagementTimeoutSec),
            Heartbeat = TimeSpan.FromSeconds(HeartbeatSec),
        };
        WriteObject(new RabbitConnection(
            options,
            namesVirtualHost: VirtualHost is not null || connection.VirtualHost is not null,
            lacksPassword: Credential is null && connection.LacksPassword));
    }

    private static Uri Checked(Uri uri) => uri switch
    {
        { IsAbsoluteUri: true, Scheme: "http" or "https", UserInfo: "" } => uri,
        { IsAbsoluteUri: true, UserInfo.Length: > 0 } => throw new ArgumentException("The management URI holds user info: use -Credential.", nameof(ManagementUri)),
        _ => throw new ArgumentException($"'{uri}' is not a management URI such as https://host:15671.", nameof(ManagementUri)),
    };

    private static DnsEndPoint StreamEndpoint(Uri uri, bool tls)
    {
        string scheme = tls ? "rabbitmq-stream+tls" : "rabbitmq-stream";
        if (!uri.IsAbsoluteUri || uri.Scheme != scheme || uri.UserInfo.Length > 0 || uri.PathAndQuery is not ("" or "/"))
        {
            throw new ArgumentException($"With this AMQP URI, a stream URI reads {scheme}://host:port, without user info or path.", nameof(StreamUri));
        }

        return new DnsEndPoint(uri.DnsSafeHost, uri.Port > 0 ? uri.Port : tls ? 5551 : 5552);
    }

    private TlsOptions? Tls(bool wanted)
    {
        if (!wanted)
        {
            return CaCertificate is null && ClientCertificate is null && !SkipCertificateCheck
                ? null
                : throw new ArgumentException("Certificates need TLS: write the URI with amqps://.", nameof(Uri));
        }

        return new TlsOptions
        {
            CaCertificates = CaCertificate is null ? null : [.. CaCertificate],
            ClientCertificate = ClientCertificate,
            SkipCertificateCheck = SkipCertificateCheck,
        };
    }
}
