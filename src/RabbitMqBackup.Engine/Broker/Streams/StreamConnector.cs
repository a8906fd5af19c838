using System.Net;

namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>
/// Finds the node that a stream is to be read from or written to. Nodes advertise a host and port that may be out of reach (containers, load balancers), so the endpoint
/// that was given is tried first and again, as a balancer leads to another node each time; only then the advertised address itself.
/// </summary>
/// <param name="options">Endpoint, credentials, TLS, time-outs.</param>
/// <param name="clock">Time.</param>
internal sealed class StreamConnector(BrokerOptions options, TimeProvider clock)
{
    /// <summary>Tries through the given endpoint for each node: with three nodes in turn or at random, nine miss one with a probability of 3 %. As many answers of one node in a row say that there is no balancer.</summary>
    private const int TriesPerNode = 3;

    /// <summary>For an advertised address: one that does not answer may never do, while a node that is up is not far.</summary>
    private static readonly TimeSpan AdvertisedTimeout = TimeSpan.FromSeconds(5);

    /// <summary>In which a cluster that has lost a node tells of another leader.</summary>
    private static readonly TimeSpan ElectionTime = TimeSpan.FromSeconds(3);

    private readonly BrokerOptions _toAdvertised = options with { ConnectTimeout = options.ConnectTimeout < AdvertisedTimeout ? options.ConnectTimeout : AdvertisedTimeout };

    /// <summary>Where the stream was when it was asked about last: the way back when the node behind the endpoint is gone.</summary>
    private StreamMetadata? _known;

    private readonly IReadOnlyList<DnsEndPoint> _endpoints = options.EffectiveStreamEndpoints;

    /// <summary>The one of them that answered last.</summary>
    private int _at;

    /// <summary>The endpoint in force.</summary>
    internal DnsEndPoint Endpoint => _endpoints[_at];

    /// <summary>Connects to whatever node answers: enough to create, to delete and to ask.</summary>
    internal async Task<StreamConnection> ConnectAsync(string virtualHost, CancellationToken cancellationToken)
    {
        for (int tried = 1; ; tried++)
        {
            try
            {
                return await StreamConnection.OpenAsync(options, Endpoint, virtualHost, clock, cancellationToken).ConfigureAwait(false);
            }
            catch (RabbitBackupException exception) when (exception.Code is ErrorCode.BrokerUnreachable && tried < _endpoints.Count)
            {
                _at = (_at + 1) % _endpoints.Count;
            }
        }
    }

    /// <summary>Connects to a node that fits.</summary>
    /// <param name="virtualHost">The stream's virtual host.</param>
    /// <param name="stream">The stream.</param>
    /// <param name="access">For what.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="RabbitBackupException">
    /// QueueNotFound; QueueUnavailable, where it has no leader at the moment; or BrokerUnreachable, where no way leads to a node that fits. Otherwise as <see cref="StreamConnection.OpenAsync"/>.
    /// </exception>
    internal async Task<StreamConnection> ConnectAsync(string virtualHost, string stream, StreamAccess access, CancellationToken cancellationToken)
    {
        StreamNode? answered = null;
        for ((int i, int tries, int same) = (0, 1, 0); i < tries && same < TriesPerNode; i++)
        {
            StreamConnection connection;
            try
            {
                connection = await ConnectAsync(virtualHost, cancellationToken).ConfigureAwait(false);
            }
            catch (RabbitBackupException exception) when (exception.Code is ErrorCode.BrokerUnreachable && _known is not null)
            {
                break;
            }

            same = connection.Advertised == answered ? same + 1 : 1;
            answered = connection.Advertised;
            if (await KeepAsync(connection, stream, access, leaderWillDo: i > 0 && (i == tries - 1 || same == TriesPerNode), cancellationToken).ConfigureAwait(false))
            {
                return connection;
            }

            tries = TriesPerNode * (_known!.Replicas.Count + 1);
        }

        return await TryAdvertisedAsync(virtualHost, stream, access, cancellationToken).ConfigureAwait(false) ?? throw new RabbitBackupException(
            ErrorCode.BrokerUnreachable,
            $"No connection led to a node that {(access is StreamAccess.Write ? "leads" : "holds")} the stream '{stream}': neither {Endpoint.Host}:{Endpoint.Port} "
                + $"nor the advertised {string.Join(", ", Preferred(_known!, access))}.")
        {
            Target = stream,
            IsTransient = true,
            Hint = "Set stream.advertised_host and stream.advertised_port on the nodes, or give the stream endpoint of the right node (-StreamUri).",
        };
    }

    /// <summary>
    /// How far a stream reaches, as its leader says: a replica can be behind what is confirmed, by a lot when its node has just been started, and would take its own end for the stream's.
    /// </summary>
    /// <param name="connection">To any node that holds the stream; its only user in the meantime.</param>
    /// <param name="stream">The stream.</param>
    /// <param name="start">Where the reading will begin.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The extent, and why it is not the leader's but this node's; null where it is the leader's.</returns>
    internal async Task<(StreamExtent Extent, RabbitBackupException? OutOfReach)> FindExtentAsync(StreamConnection connection, string stream, StreamStart start, CancellationToken cancellationToken)
    {
        if (connection.Advertised is not { } node)
        {
            return (await StreamExtent.FindAsync(connection, stream, start, cancellationToken).ConfigureAwait(false), null);
        }

        RabbitBackupException? outOfReach = null;
        for (StreamNode? leader = await LeaderAsync().ConfigureAwait(false); leader != node && outOfReach is null;)
        {
            try
            {
                await using StreamConnection other = await ConnectAsync(connection.VirtualHost, stream, StreamAccess.Write, cancellationToken).ConfigureAwait(false);
                return (await StreamExtent.FindAsync(other, stream, start, cancellationToken).ConfigureAwait(false), null);
            }
            catch (RabbitBackupException exception) when (exception.Code is ErrorCode.BrokerUnreachable)
            {
                // One that has just died is out of reach as well, until another is elected.
                StreamNode? before = leader;
                for (long asked = clock.GetTimestamp(); leader == before && outOfReach is null; leader = await LeaderAsync().ConfigureAwait(false))
                {
                    outOfReach = clock.GetElapsedTime(asked) > ElectionTime ? exception : null;
                    await Task.Delay(ElectionTime / 10, clock, cancellationToken).ConfigureAwait(false);
                }
            }
        }

        return (await StreamExtent.FindAsync(connection, stream, start, cancellationToken).ConfigureAwait(false), outOfReach);

        async Task<StreamNode?> LeaderAsync() => (await MetadataAsync(connection, stream, StreamAccess.Read, cancellationToken).ConfigureAwait(false)).Leader;
    }

    /// <summary>Tries the nodes by the addresses that they advertise, those first that the last one to answer names.</summary>
    private async Task<StreamConnection?> TryAdvertisedAsync(string virtualHost, string stream, StreamAccess access, CancellationToken cancellationToken)
    {
        HashSet<StreamNode> tried = [];
        while (Preferred(_known!, access).Concat(_known!.Replicas).Select(node => (StreamNode?)node).FirstOrDefault(node => !tried.Contains(node!.Value)) is { } next)
        {
            tried.Add(next);
            try
            {
                StreamConnection connection = await StreamConnection.OpenAsync(_toAdvertised, new DnsEndPoint(next.Host, next.Port), virtualHost, clock, cancellationToken).ConfigureAwait(false);
                if (await KeepAsync(connection, stream, access, leaderWillDo: true, cancellationToken).ConfigureAwait(false))
                {
                    return connection;
                }
            }
            catch (RabbitBackupException exception) when (exception.Code is ErrorCode.BrokerUnreachable)
            {
                // An advertised address that can't be reached from here is the very case this class is for: try the next.
            }
        }

        return null;
    }

    /// <summary>Looks whether it is the right node, and closes the connection where it is not.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="stream">The stream.</param>
    /// <param name="access">For what.</param>
    /// <param name="leaderWillDo">For reading: do with the leader. Before, another try may meet a replica.</param>
    /// <param name="cancellationToken">Gives up.</param>
    private async Task<bool> KeepAsync(StreamConnection connection, string stream, StreamAccess access, bool leaderWillDo, CancellationToken cancellationToken)
    {
        bool keep = false;
        try
        {
            _known = await MetadataAsync(connection, stream, access, cancellationToken).ConfigureAwait(false);
            return keep = Fits(connection.Advertised, _known, access, leaderWillDo);
        }
        finally
        {
            if (!keep)
            {
                await connection.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    /// <summary>Where the stream is. One without a leader can't be written to, and of what its replicas have nobody knows how much is committed.</summary>
    private static async Task<StreamMetadata> MetadataAsync(StreamConnection connection, string stream, StreamAccess access, CancellationToken cancellationToken)
    {
        StreamMetadata metadata = await connection.MetadataAsync(stream, cancellationToken).ConfigureAwait(false);
        StreamResponseCode code = metadata is { Code: StreamResponseCode.Ok, Leader: null } ? StreamResponseCode.StreamNotAvailable : metadata.Code;
        return code is StreamResponseCode.Ok ? metadata
            : throw StreamErrors.Refused(code, access is StreamAccess.Write ? "open for writing the stream" : "open for reading the stream", stream);
    }

    /// <summary>A node that does not say who it is can only be taken at its word.</summary>
    private static bool Fits(StreamNode? node, StreamMetadata metadata, StreamAccess access, bool leaderWillDo)
    {
        if (node is not { } known)
        {
            return true;
        }

        bool leads = metadata.Leader == known;
        return access is StreamAccess.Write
            ? leads
            : metadata.Replicas.Contains(known) || (leads && (leaderWillDo || metadata.Replicas.Count == 0));
    }

    private static IEnumerable<StreamNode> Preferred(StreamMetadata metadata, StreamAccess access)
    {
        StreamNode[] leader = metadata.Leader is { } node ? [node] : [];
        return access is StreamAccess.Write ? leader : metadata.Replicas.Concat(leader);
    }
}
