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
    public void The_endpoint_is_the_first_AMQP_host_where_none_is_given()
    {
        BrokerOptions options = new() { Endpoints = [new DnsEndPoint("rabbit", 5672)] };

        Assert.Equal(new DnsEndPoint("rabbit", 5552), new StreamConnector(options, TimeProvider.System).Endpoint);
        Assert.Equal(new DnsEndPoint("rabbit", 5551), new StreamConnector(options with { Tls = new TlsOptions() }, TimeProvider.System).Endpoint);
    }

    private static StreamConnector Connector(ScriptedStreamServer server) => new(server.Options, TimeProvider.System);

    private static async Task ServeAsync(ScriptedStreamServer.Peer peer, StreamNode leader, params StreamNode[] replicas)
    {
        await peer.AnswerMetadataAsync("s", leader, replicas);
        await peer.AnswerAsync(StreamCommand.Close, _ => { });
    }
}
