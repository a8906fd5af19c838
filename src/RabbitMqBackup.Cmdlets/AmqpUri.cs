using System.Globalization;
using System.Net;

namespace RabbitMqBackup.Cmdlets;

/// <summary>
/// An AMQP URI, taken apart: <c>amqp[s]://[user[:password]@]host[:port][,host[:port]…][/virtual-host]</c>, user, password and virtual host percent-encoded.
/// Complaints never quote what could hold a secret.
/// </summary>
internal sealed record AmqpUri
{
    private const int PlainPort = 5672;
    private const int TlsPort = 5671;

    /// <summary>The hosts, in the order in which they are tried.</summary>
    public required IReadOnlyList<DnsEndPoint> Endpoints { get; init; }

    /// <summary>True for <c>amqps</c>.</summary>
    public bool Tls { get; init; }

    /// <summary>The user, or null where none is named.</summary>
    public string? UserName { get; init; }

    /// <summary>The password, or null where none is given.</summary>
    public string? Password { get; init; }

    /// <summary>The virtual host, or null where none is named. A lone <c>/</c> at the end names none.</summary>
    public string? VirtualHost { get; init; }

    /// <summary>Parses one URI.</summary>
    /// <exception cref="ArgumentException">It is none, with the reason.</exception>
    internal static AmqpUri Parse(string text)
    {
        bool tls = text.StartsWith("amqps://", StringComparison.OrdinalIgnoreCase);
        if (!tls && !text.StartsWith("amqp://", StringComparison.OrdinalIgnoreCase))
        {
            throw new ArgumentException(
                "A connection is an AMQP URI such as amqp://user@host:5672/virtual-host, amqps:// with TLS, or an object from New-RabbitConnection.");
        }

        string rest = text[(text.IndexOf("://", StringComparison.Ordinal) + 3)..];
        if (rest.Contains('?'))
        {
            throw new ArgumentException(
                "Options behind a '?' in an AMQP URI are not supported: use the parameters of New-RabbitConnection. A '?' that belongs to a name is written %3F.");
        }

        int slash = rest.IndexOf('/');
        string authority = slash < 0 ? rest : rest[..slash];
        string path = slash < 0 ? "" : rest[(slash + 1)..];
        if (path.Contains('/'))
        {
            throw new ArgumentException("The AMQP URI has a '/' too many: one that belongs to the virtual host, the user or the password is written %2F.");
        }

        if (path.Contains('@'))
        {
            // A password with a raw '/' would be taken for host and virtual host, and shown as such.
            throw new ArgumentException("The AMQP URI has an '@' behind the host: in user, password and virtual host '@' is written %40 and '/' is written %2F.");
        }

        int at = authority.LastIndexOf('@');
        string[] user = at < 0 ? [] : authority[..at].Split(':', 2);
        return new AmqpUri
        {
            Endpoints = [.. authority[(at + 1)..].Split(',').Select(host => ParseHost(host.Trim(), tls ? TlsPort : PlainPort))],
            Tls = tls,
            UserName = user.Length > 0 && user[0].Length > 0 ? Uri.UnescapeDataString(user[0]) : null,
            Password = user.Length > 1 ? Uri.UnescapeDataString(user[1]) : null,
            VirtualHost = path.Length > 0 ? Uri.UnescapeDataString(path) : null,
        };
    }

    private static DnsEndPoint ParseHost(string text, int defaultPort)
    {
        // An IPv6 address stands in brackets, so that its colons are none of a port.
        int end = text.StartsWith('[') ? text.IndexOf(']') : -1;
        int colon = text.IndexOf(':', end + 1);
        string host = (colon < 0 ? text : text[..colon]).Trim('[', ']');
        if (Uri.CheckHostName(host) == UriHostNameType.Unknown)
        {
            throw new ArgumentException("The AMQP URI names no valid host. In user and password, write '@' as %40, ':' as %3A and '/' as %2F.");
        }

        int port = defaultPort;
        bool isPort = colon < 0 || int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out port);
        if (!isPort || port is < 1 or > IPEndPoint.MaxPort)
        {
            throw new ArgumentException($"The port behind '{host}' in the AMQP URI is not a number from 1 to 65535.");
        }

        return new DnsEndPoint(host, port);
    }
}
