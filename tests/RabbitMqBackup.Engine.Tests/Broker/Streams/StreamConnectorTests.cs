using System.Net;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Broker.Streams;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker.Streams;

/// <summary>A scripted server plays a balancer: each connection comes to another node.</summary>
public sealed class StreamConnectorTests
{
    private static readonly StreamNode A = new("node-a.invalid", 5552);
    private static readonly StreamNode B = new("node-b.invalid", 5552);
    private static readonly StreamNode C = new("node-c.invalid", 5552);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Writing_connects_again_until_the_leader_answers()
    {
        await using ScriptedStreamServer server = new(peer => ServeAsync(peer, C, A, B)) { Advertise = n => new[] { A, B, C }[n % 3] };

        await using StreamConnection connection = await Connector(server).ConnectAsync("/", "s", StreamAccess.Write, Cancelled);

        Assert.Equal((C, 3), (connection.Advertised, server.Connections));
    }

    [Fact]
    public async Task Reading_prefers_a_replica()
    {
        await using ScriptedStreamServer server = new(peer => ServeAsync(peer, A, B, C)) { Advertise = n => new[] { A, B, C }[n % 3] };

        await using StreamConnection connection = await Connector(server).ConnectAsync("/", "s", StreamAccess.Read, Cancelled);

        Assert.Equal(B, connection.Advertised);
    }

    [Fact]
    public async Task Reading_takes_the_leader_where_no_replica_answers()
    {
        await using ScriptedStreamServer server = new(peer => ServeAsync(peer, A, B)) { Advertise = _ => A };

        await using StreamConnection connection = await Connector(server).ConnectAsync("/", "s", StreamAccess.Read, Cancelled);

        Assert.Equal(A, connection.Advertised);
    }

    [Fact]
    public async Task The_advertised_address_is_tried_at_last()
    {
        StreamNode? self = null;
        await using ScriptedStreamServer server = new(peer => ServeAsync(peer, self!.Value)) { Advertise = n => n < 3 ? A : self!.Value };
        self = new StreamNode(server.Endpoint.Host, server.Endpoint.Port);

        await using StreamConnection connection = await Connector(server).ConnectAsync("/", "s", StreamAccess.Write, Cancelled);

        Assert.Equal((self, 4), (connection.Advertised, server.Connections));
    }

    [Fact]
    public async Task No_way_to_the_leader_is_an_error_with_a_hint()
    {
        await using ScriptedStreamServer server = new(peer => ServeAsync(peer, B)) { Advertise = _ => A };

        RabbitBackupException e = await Assert.ThrowsAsync<RabbitBackupException>(() => Connector(server).ConnectAsync("/", "s", StreamAccess.Write, Cancelled));

        Assert.Equal(ErrorCode.BrokerUnreachable, e.Code);
        Assert.Contains("node-b.invalid", e.Message);
        Assert.Contains("advertised_host", e.Hint);
    }

    [Fact]
    public async Task Where_a_stream_ends_is_its_leaders_word_and_not_that_of_the_replica_that_is_read()
    {
        await using ScriptedStreamServer leader = Node(async (peer, nodes) =>
        {
            await peer.AnswerMetadataAsync("s", nodes[0], nodes[1]);
            await peer.AnswerStatsAsync(0, 500);
            await peer.AnswerAsync(StreamCommand.Close, _ => { });
        });
        await using ScriptedStreamServer replica = Node(MetadataAsync);
        (_nodes[0], _nodes[1]) = (Address(leader), Address(replica));
        StreamConnector connector = Connector(replica);

        await using StreamConnection connection = await connector.ConnectAsync("/", "s", StreamAccess.Read, Cancelled);
        (StreamExtent extent, RabbitBackupException? outOfReach) = await connector.FindExtentAsync(connection, "s", StreamStart.First, Cancelled);

        Assert.Equal((_nodes[1], 500UL, null), (connection.Advertised, extent.EndChunk, outOfReach));
    }

    [Fact]
    public async Task When_the_node_behind_the_endpoint_is_gone_the_others_are_reached_by_their_addresses()
    {
        await using ScriptedStreamServer leader = Node(MetadataAsync);
        ScriptedStreamServer replica = Node(MetadataAsync);
        (_nodes[0], _nodes[1]) = (Address(leader), Address(replica));
        StreamConnector connector = Connector(replica);
        await (await connector.ConnectAsync("/", "s", StreamAccess.Read, Cancelled)).DisposeAsync();
        await replica.DisposeAsync();

        await using StreamConnection connection = await connector.ConnectAsync("/", "s", StreamAccess.Read, Cancelled);

        Assert.Equal(_nodes[0], connection.Advertised);
    }

    [Theory]
    [InlineData("3.10")]
    [InlineData("4.0")]
    [InlineData("4.3")]
    public async Task One_node_is_right_for_both(string generation)
    {
        await using StreamTestHost host = await StreamTestHost.StartAsync(generation);
        StreamConnector connector = new(host.Options, TimeProvider.System);
        await using (StreamConnection any = await connector.ConnectAsync(host.VirtualHost, Cancelled))
        {
            await any.CreateStreamAsync("s", [], Cancelled);
        }

        await using StreamConnection read = await connector.ConnectAsync(host.VirtualHost, "s", StreamAccess.Read, Cancelled);
        await using StreamConnection write = await connector.ConnectAsync(host.VirtualHost, "s", StreamAccess.Write, Cancelled);
        RabbitBackupException e = await Assert.ThrowsAsync<RabbitBackupException>(() => connector.ConnectAsync(host.VirtualHost, "absent", StreamAccess.Read, Cancelled));

        Assert.Equal(ErrorCode.QueueNotFound, e.Code);
    }

    [Fact]
    public void The_endpoints_are_the_AMQP_hosts_where_none_is_given()
    {
        BrokerOptions options = new() { Endpoints = [new DnsEndPoint("rabbit", 5672), new DnsEndPoint("Rabbit", 5673), new DnsEndPoint("hare", 5672)] };

        Assert.Equal([new DnsEndPoint("rabbit", 5552), new DnsEndPoint("hare", 5552)], options.EffectiveStreamEndpoints);
        Assert.Equal([new DnsEndPoint("rabbit", 5551), new DnsEndPoint("hare", 5551)], (options with { Tls = new TlsOptions() }).EffectiveStreamEndpoints);
    }

    [Fact]
    public async Task An_endpoint_that_can_not_be_reached_is_passed_over()
    {
        await using ScriptedStreamServer server = Node(MetadataAsync);
        (_nodes[0], _nodes[1]) = (Address(server), B);
        ScriptedStreamServer gone = Node(MetadataAsync);
        await gone.DisposeAsync();
        StreamConnector connector = new(server.Options with { StreamEndpoint = gone.Endpoint, FurtherStreamEndpoints = [server.Endpoint] }, TimeProvider.System);

        await using StreamConnection connection = await connector.ConnectAsync("/", "s", StreamAccess.Write, Cancelled);

        Assert.Equal(server.Endpoint, connector.Endpoint);
    }

    /// <summary>Leader and replica of a test that has both as servers.</summary>
    private readonly StreamNode[] _nodes = new StreamNode[2];

    private ScriptedStreamServer Node(Func<ScriptedStreamServer.Peer, StreamNode[], Task> script)
    {
        ScriptedStreamServer? server = null;
        return server = new(peer => script(peer, _nodes)) { Advertise = _ => Address(server!) };
    }

    private static StreamNode Address(ScriptedStreamServer server) => new(server.Endpoint.Host, server.Endpoint.Port);

    private static async Task MetadataAsync(ScriptedStreamServer.Peer peer, StreamNode[] nodes)
    {
        while (true)
        {
            await peer.AnswerMetadataAsync("s", nodes[0], nodes[1]);
        }
    }

    private static StreamConnector Connector(ScriptedStreamServer server) => new(server.Options, TimeProvider.System);

    private static async Task ServeAsync(ScriptedStreamServer.Peer peer, StreamNode leader, params StreamNode[] replicas)
    {
        await peer.AnswerMetadataAsync("s", leader, replicas);
        await peer.AnswerAsync(StreamCommand.Close, _ => { });
    }
}
