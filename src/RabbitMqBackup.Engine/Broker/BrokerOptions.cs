using System.Net;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>How to reach a cluster. No member prints a secret.</summary>
public sealed record BrokerOptions
{
    /// <summary>Where AMQP 0-9-1 listens: host names or addresses with ports, tried in turn. Default <c>localhost:5672</c>.</summary>
    public IReadOnlyList<DnsEndPoint> Endpoints { get; init; } = [new("localhost", 5672)];

    /// <summary>Base URI of the management API. Default: each endpoint's host in turn, port 15672 (15671 with TLS).</summary>
    public Uri? ManagementUri { get; init; }

    /// <summary>To be tried in turn where <see cref="ManagementUri"/> can't be reached. Default: none.</summary>
    public IReadOnlyList<Uri> FurtherManagementUris { get; init; } = [];

    /// <summary>Where the stream protocol listens. Default: each endpoint's host in turn, port 5552 (5551 with TLS).</summary>
    public DnsEndPoint? StreamEndpoint { get; init; }

    /// <summary>To be tried in turn where <see cref="StreamEndpoint"/> can't be reached. Default: none.</summary>
    public IReadOnlyList<DnsEndPoint> FurtherStreamEndpoints { get; init; } = [];

    /// <summary>User and password. Default <c>guest</c>/<c>guest</c>, RabbitMQ's own. With a client certificate and no user name, SASL EXTERNAL is used.</summary>
    public NetworkCredential Credential { get; init; } = new("guest", "guest");

    /// <summary>The virtual host where none is named by a queue. Default <c>/</c>.</summary>
    public string VirtualHost { get; init; } = "/";

    /// <summary>TLS, or null for none.</summary>
    public TlsOptions? Tls { get; init; }

    /// <summary>For a connection to be open, tuned and authenticated. Default 15 s.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>For one answer of the broker (a declare, a cancel, a close). Default 60 s.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>For one answer of the management API. Default 120 s: a broker with 10,000 queues needs a while.</summary>
    public TimeSpan ManagementTimeout { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>Heartbeat proposed to the broker. Default 30 s.</summary>
    public TimeSpan Heartbeat { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The first endpoint as <c>amqp://host:port</c>, for people.</summary>
    public string DisplayUri => $"{(Tls is null ? "amqp" : "amqps")}://{Endpoints[0].Host}:{Endpoints[0].Port}";

    /// <summary>The management API's base URIs in force, at least one.</summary>
    public IReadOnlyList<Uri> EffectiveManagementUris => ManagementUri is { } given
        ? [given, .. FurtherManagementUris]
        : [.. Hosts.Select(host => new UriBuilder(Tls is null ? "http" : "https", host, Tls is null ? 15672 : 15671).Uri)];

    /// <summary>The stream protocol's endpoints in force, at least one.</summary>
    public IReadOnlyList<DnsEndPoint> EffectiveStreamEndpoints => StreamEndpoint is { } given
        ? [given, .. FurtherStreamEndpoints]
        : [.. Hosts.Select(host => new DnsEndPoint(host, Tls is null ? 5552 : 5551))];

    private IEnumerable<string> Hosts => Endpoints.Select(endpoint => endpoint.Host).Distinct(StringComparer.OrdinalIgnoreCase);

    /// <inheritdoc/>
    public override string ToString() => DisplayUri;
}
