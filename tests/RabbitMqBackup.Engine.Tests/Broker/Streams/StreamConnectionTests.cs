using System.Net;
using RabbitMqBackup.Engine.Broker.Streams;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker.Streams;

/// <summary>Connections to real brokers.</summary>
public sealed class StreamConnectionTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public static TheoryData<string> Generations => ChunkReaderTests.Generations;

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task Offsets_are_stored_and_found_by_name(string generation)
    {
        await using StreamTestHost host = await StreamTestHost.StartAsync(generation);
        await using StreamConnection connection = await host.ConnectAsync();
        await connection.CreateStreamAsync("s", [], Cancelled);

        Assert.Null(await connection.QueryOffsetAsync("app", "s", Cancelled));
        await connection.StoreOffsetAsync("app", "s", 0, Cancelled);
        await connection.StoreOffsetAsync("app", "s", 4711, Cancelled);
        ulong? stored = null;
        for (int i = 0; i < 100 && stored != 4711; i++)
        {
            stored = await connection.QueryOffsetAsync("app", "s", Cancelled);
            await Task.Delay(20, Cancelled);
        }

        Assert.Equal(4711UL, stored);
    }

    [Theory]
    [InlineData("3.10", false)]
    [InlineData("4.0", true)]
    [InlineData("4.3", true)]
    public async Task Only_commands_that_the_version_knows_are_sent(string generation, bool known)
    {
        await using StreamTestHost host = await StreamTestHost.StartAsync(generation);
        await using StreamConnection connection = await host.ConnectAsync();
        await connection.CreateStreamAsync("s", [], Cancelled);

        StreamStats? stats = await connection.StatsAsync("s", Cancelled);

        Assert.Equal((known, known), (connection.Features.HasCommandVersions, stats is not null));
        Assert.StartsWith(generation, connection.Features.Version);
        Assert.Equal(StreamResponseCode.Ok, (await connection.MetadataAsync("s", Cancelled)).Code);
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task Metadata_name_the_leader_and_tell_an_absent_stream(string generation)
    {
        await using StreamTestHost host = await StreamTestHost.StartAsync(generation);
        await using StreamConnection connection = await host.ConnectAsync();
        await connection.CreateStreamAsync("s", [], Cancelled);

        StreamMetadata present = await connection.MetadataAsync("s", Cancelled);
        StreamMetadata absent = await connection.MetadataAsync("absent", Cancelled);

        Assert.Equal(connection.Advertised, present.Leader);
        Assert.Equal((StreamResponseCode.StreamDoesNotExist, null), (absent.Code, absent.Leader));
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task Create_twice_and_delete_twice_are_refused_by_code(string generation)
    {
        await using StreamTestHost host = await StreamTestHost.StartAsync(generation);
        await using StreamConnection connection = await host.ConnectAsync();
        await connection.CreateStreamAsync("s", [new("max-age", "1D"), new("max-length-bytes", "1000000")], Cancelled);

        RabbitBackupException twice = await Assert.ThrowsAsync<RabbitBackupException>(() => connection.CreateStreamAsync("s", [new("max-age", "2D")], Cancelled));
        await connection.DeleteStreamAsync("s", Cancelled);
        RabbitBackupException gone = await Assert.ThrowsAsync<RabbitBackupException>(() => connection.DeleteStreamAsync("s", Cancelled));

        Assert.Equal((ErrorCode.DefinitionConflict, ErrorCode.QueueNotFound), (twice.Code, gone.Code));
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task Wrong_password_and_unknown_virtual_host_are_told_apart_without_the_password(string generation)
    {
        await using StreamTestHost host = await StreamTestHost.StartAsync(generation);
        NetworkCredential wrong = new("guest", "s3cr3t-wrong");

        Task<RabbitBackupException> RefusedAsync() => Assert.ThrowsAsync<RabbitBackupException>(
            () => StreamConnection.OpenAsync(host.Options with { Credential = wrong }, host.Endpoint, host.VirtualHost, cancellationToken: Cancelled));
        RabbitBackupException password = await RefusedAsync();
        if (generation == "3.10" && password is { Code: ErrorCode.BrokerConnectionLost, IsTransient: true })
        {
            // Seen once in some twenty runs: this version hangs up behind its answer, which is lost with the connection then. Who tries again, as the module does, is told.
            password = await RefusedAsync();
        }

        RabbitBackupException place = await Assert.ThrowsAsync<RabbitBackupException>(
            () => StreamConnection.OpenAsync(host.Options, host.Endpoint, "absent", cancellationToken: Cancelled));

        Assert.Equal((ErrorCode.BrokerAuthenticationFailed, ErrorCode.BrokerAccessRefused), (password.Code, place.Code));
        Assert.DoesNotContain("s3cr3t", password.ToString());
        Assert.Equal("absent", place.Target);
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task Heartbeats_keep_an_idle_connection_open(string generation)
    {
        await using StreamTestHost host = await StreamTestHost.StartAsync(generation);
        await using StreamConnection connection = await StreamConnection.OpenAsync(
            host.Options with { Heartbeat = TimeSpan.FromSeconds(1) }, host.Endpoint, host.VirtualHost, cancellationToken: Cancelled);

        // Without a byte from the client the broker hangs up after some three seconds.
        await Task.Delay(TimeSpan.FromSeconds(5), Cancelled);

        Assert.Equal(StreamResponseCode.StreamDoesNotExist, (await connection.MetadataAsync("s", Cancelled)).Code);
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task The_AMQP_port_is_no_stream_port(string generation)
    {
        await using StreamTestHost host = await StreamTestHost.StartAsync(generation);

        RabbitBackupException e = await Assert.ThrowsAsync<RabbitBackupException>(
            () => StreamConnection.OpenAsync(host.Options, host.Options.Endpoints[0], host.VirtualHost, cancellationToken: Cancelled));

        Assert.Contains(e.Code, (ErrorCode[])[ErrorCode.BrokerConnectionLost, ErrorCode.BrokerUnreachable]);
    }
}
