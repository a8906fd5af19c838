using System.Net;
using System.Text;

namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>
/// From a connected socket to an open connection: peer properties, SASL, tune, open, and on brokers that know them the versions of commands.
/// </summary>
internal static class StreamHandshake
{
    /// <summary>Shakes hands, within the caller's cancellation.</summary>
    /// <param name="transport">Fresh; the caller disposes it when this fails.</param>
    /// <param name="options">User, certificate, heartbeat.</param>
    /// <param name="virtualHost">The virtual host to enter.</param>
    /// <param name="cancellationToken">Bounds it all.</param>
    /// <returns>What was agreed on.</returns>
    internal static async Task<StreamAgreement> RunAsync(StreamTransport transport, BrokerOptions options, string virtualHost, CancellationToken cancellationToken)
    {
        string version = typeof(StreamHandshake).Assembly.GetName().Version?.ToString(3) ?? "0";
        KeyValuePair<string, string>[] self =
            [new("product", "RabbitMqBackup"), new("version", version), new("platform", ".NET"), new("connection_name", "RabbitMqBackup streams")];
        Reply peer = await AskAsync(transport, (w, id) => StreamRequests.PeerProperties(w, id, self), "talk to", cancellationToken).ConfigureAwait(false);
        StreamServerFeatures features = StreamServerFeatures.FromPeerProperties(peer.Map());

        await AuthenticateAsync(transport, options, cancellationToken).ConfigureAwait(false);

        (uint frameMax, uint proposed) = await transport.TuneProposal.WaitAsync(cancellationToken).ConfigureAwait(false);
        uint heartbeat = Heartbeat(proposed, options.Heartbeat);

        // The frame size is answered as it came: brokers may come to hold Deliver frames to it, and a smaller one would then cut off large chunks.
        await transport.SendAsync(w => StreamRequests.Tune(w, frameMax, heartbeat), cancellationToken).ConfigureAwait(false);
        Reply opened = await AskAsync(transport, (w, id) => StreamRequests.Open(w, id, virtualHost), "open the virtual host", cancellationToken, virtualHost)
            .ConfigureAwait(false);
        StreamNode? advertised = Advertised(opened.Map());

        if (heartbeat > 0)
        {
            transport.StartHeartbeats(TimeSpan.FromSeconds(heartbeat));
        }

        if (features.HasCommandVersions)
        {
            await AskAsync(transport, StreamRequests.ExchangeCommandVersions, "exchange command versions with", cancellationToken).ConfigureAwait(false);
        }

        return new StreamAgreement(features, frameMax, advertised);
    }

    private static async Task AuthenticateAsync(StreamTransport transport, BrokerOptions options, CancellationToken cancellationToken)
    {
        Reply offered = await AskAsync(transport, StreamRequests.SaslHandshake, "name its SASL mechanisms at", cancellationToken).ConfigureAwait(false);
        NetworkCredential credential = options.Credential;
        bool external = options.Tls?.ClientCertificate is not null && credential.UserName.Length == 0;
        string mechanism = external ? "EXTERNAL" : "PLAIN";
        IReadOnlyList<string> mechanisms = offered.Strings();
        if (!mechanisms.Contains(mechanism))
        {
            throw new RabbitBackupException(
                ErrorCode.BrokerAuthenticationFailed, $"The stream listener of {transport.Target} does not offer SASL {mechanism}, only {string.Join(", ", mechanisms)}.")
            {
                Target = transport.Target,
                Hint = external ? "Enable rabbitmq_auth_mechanism_ssl, or give user and password." : "Give a client certificate and no user name for EXTERNAL.",
            };
        }

        byte[] response = external ? [] : Encoding.UTF8.GetBytes($"\0{credential.UserName}\0{credential.Password}");
        await AskAsync(transport, (w, id) => StreamRequests.SaslAuthenticate(w, id, mechanism, response), $"authenticate '{credential.UserName}' at", cancellationToken)
            .ConfigureAwait(false);
    }

    /// <summary>The smaller of both proposals in seconds; 0 of the broker means that it leaves it to the client.</summary>
    private static uint Heartbeat(uint proposed, TimeSpan wanted)
    {
        uint seconds = (uint)Math.Clamp(Math.Ceiling(wanted.TotalSeconds), 0, 3600);
        return proposed == 0 || seconds == 0 ? Math.Max(proposed, seconds) : Math.Min(proposed, seconds);
    }

    private static StreamNode? Advertised(Dictionary<string, string> properties) =>
        properties.TryGetValue("advertised_host", out string? host) && properties.TryGetValue("advertised_port", out string? text) && ushort.TryParse(text, out ushort port)
            ? new StreamNode(host, port)
            : null;

    private static async Task<Reply> AskAsync(
        StreamTransport transport, Action<FrameWriter, uint> encode, string action, CancellationToken cancellationToken, string? target = null)
    {
        byte[] content = await transport.RequestAsync(encode, cancellationToken).ConfigureAwait(false);
        StreamResponseCode code = new FrameReader(content).Code();
        return code is StreamResponseCode.Ok ? new Reply(content) : throw StreamErrors.Refused(code, action, target ?? transport.Target);
    }

    /// <summary>The content of an answer, code included.</summary>
    private readonly record struct Reply(byte[] Content)
    {
        internal Dictionary<string, string> Map()
        {
            FrameReader reader = AfterCode();
            return reader.Remaining == 0 ? [] : reader.Map();
        }

        internal List<string> Strings()
        {
            FrameReader reader = AfterCode();
            int count = reader.Count(2);
            List<string> strings = new(count);
            for (int i = 0; i < count; i++)
            {
                strings.Add(reader.String() ?? "");
            }

            return strings;
        }

        private FrameReader AfterCode()
        {
            FrameReader reader = new(Content);
            reader.Code();
            return reader;
        }
    }
}
