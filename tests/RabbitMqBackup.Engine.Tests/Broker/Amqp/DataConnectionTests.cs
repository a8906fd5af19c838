using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Broker.Amqp;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker.Amqp;

/// <summary>The connection against a broker that misbehaves.</summary>
public class DataConnectionTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Opening_and_closing_in_order()
    {
        TaskCompletionSource closed = new();
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            byte[] startOk = await peer.StartAsync();
            Assert.Contains("\0guest\0guest", Encoding.UTF8.GetString(startOk));
            await peer.SendAsync(Wire.Method(0, 10, 30, Wire.U16(2047), Wire.U32(131_072), Wire.U16(60)));
            byte[] tuneOk = await peer.ExpectAsync(MethodId.ConnectionTuneOk);
            Assert.Equal([.. Wire.U16(2047), .. Wire.U32(131_072), .. Wire.U16(30)], tuneOk);
            byte[] open = await peer.ExpectAsync(MethodId.ConnectionOpen);
            Assert.Equal([.. Wire.Short("/orders"), 0, 0], open);
            await peer.SendAsync(Wire.Method(0, 10, 41, Wire.Short("")));
            await peer.CloseAsync();
            closed.SetResult();
        });
        await using (await DataConnection.OpenAsync(broker.Options, "/orders", "test", TimeProvider.System, Cancellation))
        {
        }

        await closed.Task.WaitAsync(TimeSpan.FromSeconds(5), Cancellation);
    }

    [Fact]
    public async Task A_refused_login_is_an_authentication_failure_without_the_password()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await peer.StartAsync();
            await peer.SendAsync(Wire.Close(0, 403, "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN.", 0, 0));
            await peer.ExpectAsync(MethodId.ConnectionCloseOk);
        });
        RabbitBackupException error = await FailAsync(broker.Options with { Credential = new NetworkCredential("operator", "hunter2") });
        Assert.Equal((ErrorCode.BrokerAuthenticationFailed, false), (error.Code, error.IsTransient));
        Assert.Contains("operator", error.Message);
        Assert.DoesNotContain("hunter2", error.ToString());
        Assert.NotNull(error.Hint);
    }

    [Fact]
    public async Task A_challenge_after_login_is_an_authentication_failure()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await peer.StartAsync();
            await peer.SendAsync(Wire.Method(0, 10, 20, Wire.Long("more?")));
            await peer.HangAsync();
        });
        Assert.Equal(ErrorCode.BrokerAuthenticationFailed, (await FailAsync(broker.Options)).Code);
    }

    [Fact]
    public async Task A_mechanism_that_is_not_offered_is_an_authentication_failure_that_names_those_that_are()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(peer => peer.StartAsync("AMQPLAIN RABBIT-CR-DEMO"));
        RabbitBackupException error = await FailAsync(broker.Options);
        Assert.Equal(ErrorCode.BrokerAuthenticationFailed, error.Code);
        Assert.Contains("AMQPLAIN RABBIT-CR-DEMO", error.Message);
    }

    [Fact]
    public async Task A_virtual_host_that_is_not_there_is_refused_access()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await peer.StartAsync();
            await peer.SendAsync(Wire.Method(0, 10, 30, Wire.U16(2047), Wire.U32(131_072), Wire.U16(60)));
            await peer.ExpectAsync(MethodId.ConnectionTuneOk);
            await peer.ExpectAsync(MethodId.ConnectionOpen);
            await peer.SendAsync(Wire.Close(0, 530, "NOT_ALLOWED - vhost /orders not found", 10, 40));
            await peer.ExpectAsync(MethodId.ConnectionCloseOk);
        });
        RabbitBackupException error = await FailAsync(broker.Options);
        Assert.Equal((ErrorCode.BrokerAccessRefused, "/orders"), (error.Code, error.Target));
    }

    [Theory]
    [InlineData("HTTP/1.1 400 Bad Request\r\n\r\n")]
    [InlineData("AMQP\u0003\u0001\0\0")]
    public async Task Another_protocol_is_named_as_such(string answer)
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await peer.SendAsync(Encoding.Latin1.GetBytes(answer));
            await peer.HangAsync();
        });
        RabbitBackupException error = await FailAsync(broker.Options);
        Assert.Equal((ErrorCode.BrokerUnreachable, false), (error.Code, error.IsTransient));
        Assert.Contains("does not speak AMQP 0-9-1", error.Message);
    }

    [Fact]
    public async Task A_connection_closed_in_the_handshake_is_unreachable()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(peer => peer.StartAsync());
        RabbitBackupException error = await FailAsync(broker.Options);
        Assert.Equal((ErrorCode.BrokerUnreachable, true), (error.Code, error.IsTransient));
    }

    [Fact]
    public async Task A_peer_that_says_nothing_is_given_up_after_the_connect_timeout()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(peer => peer.HangAsync());
        Stopwatch watch = Stopwatch.StartNew();
        RabbitBackupException error = await FailAsync(broker.Options with { ConnectTimeout = TimeSpan.FromMilliseconds(300) });
        Assert.Equal((ErrorCode.BrokerUnreachable, true), (error.Code, error.IsTransient));
        Assert.InRange(watch.ElapsedMilliseconds, 200, 5000);
    }

    [Fact]
    public async Task A_cancelled_attempt_ends_as_cancelled()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(peer => peer.HangAsync());
        using CancellationTokenSource cancel = new(200);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => DataConnection.OpenAsync(broker.Options, "/", "test", TimeProvider.System, cancel.Token));
    }

    [Fact]
    public async Task A_refused_port_and_an_unknown_host_are_unreachable()
    {
        TcpListener free = new(IPAddress.Loopback, 0);
        free.Start();
        int port = ((IPEndPoint)free.LocalEndpoint).Port;
        free.Stop();
        RabbitBackupException refused = await FailAsync(new BrokerOptions { Endpoints = [new DnsEndPoint("127.0.0.1", port)] });
        Assert.Equal((ErrorCode.BrokerUnreachable, true, $"amqp://127.0.0.1:{port}"), (refused.Code, refused.IsTransient, refused.Target));
        RabbitBackupException unknown = await FailAsync(new BrokerOptions { Endpoints = [new DnsEndPoint("no-such-host.invalid", 5672)] });
        Assert.Equal(ErrorCode.BrokerUnreachable, unknown.Code);
        Assert.Contains("no-such-host.invalid", unknown.Message);
    }

    [Fact]
    public async Task The_next_endpoint_is_tried_when_one_does_not_answer()
    {
        await using ScriptedBroker silent = ScriptedBroker.Start(peer => peer.HangAsync());
        await using ScriptedBroker good = ScriptedBroker.Start(async peer =>
        {
            await peer.OpenAsync();
            await peer.CloseAsync();
        });
        BrokerOptions options = good.Options with { Endpoints = [silent.Options.Endpoints[0], good.Options.Endpoints[0]], ConnectTimeout = TimeSpan.FromMilliseconds(500) };
        await using DataConnection connection = await DataConnection.OpenAsync(options, "/orders", "test", TimeProvider.System, Cancellation);
        Assert.Equal(Transport.Name(good.Options.Endpoints[0], tls: false), connection.Target);
    }

    [Fact]
    public async Task A_silent_peer_is_noticed_by_its_missing_heartbeats_while_ours_go_on()
    {
        TaskCompletionSource<int> heartbeats = new();
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await peer.OpenAsync(heartbeat: 1);
            await peer.ExpectAsync(MethodId.ChannelOpen);
            try
            {
                await peer.ReadFrameAsync();
            }
            catch (IOException)
            {
                heartbeats.SetResult(peer.Heartbeats);
            }
        });
        await using DataConnection connection = await DataConnection.OpenAsync(broker.Options, "/orders", "test", TimeProvider.System, Cancellation);
        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(() => connection.OpenChannelAsync("q", ChannelEvents.None, Cancellation).WaitAsync(TimeSpan.FromSeconds(8), Cancellation));
        Assert.Equal((ErrorCode.BrokerConnectionLost, true), (error.Code, error.IsTransient));
        Assert.Contains("not even a heartbeat", error.Message);
        Assert.InRange(await heartbeats.Task.WaitAsync(TimeSpan.FromSeconds(5), Cancellation), 2, 20);
    }

    [Fact]
    public async Task Heartbeats_go_on_while_the_reader_is_held_up_and_silence_then_means_nothing()
    {
        TaskCompletionSource<int> heartbeats = new();
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await peer.OpenAsync(heartbeat: 1);
            await peer.OpenChannelAsync(1);
            await peer.SendAsync(Wire.Deliver(1, "c", 1, "q", [1]));
            await peer.ExpectAsync(MethodId.ChannelClose);
            heartbeats.SetResult(peer.Heartbeats);
            await peer.SendAsync(Wire.Method(1, 20, 41));
            await peer.CloseAsync();
        });
        await using DataConnection connection = await DataConnection.OpenAsync(broker.Options, "/orders", "test", TimeProvider.System, Cancellation);
        HoldingEvents events = new();
        DataChannel channel = await connection.OpenChannelAsync("q", events, Cancellation);
        await events.Holding.Task.WaitAsync(TimeSpan.FromSeconds(5), Cancellation);
        await Task.Delay(TimeSpan.FromSeconds(4), Cancellation);
        Assert.Null(connection.Fault);
        events.LetGo.SetResult();
        await channel.CloseAsync(Cancellation);
        Assert.InRange(await heartbeats.Task, 3, 20);
    }

    [Fact]
    public async Task An_answer_that_does_not_come_times_out()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await peer.OpenAsync();
            await peer.OpenChannelAsync(1);
            await peer.HangAsync();
        });
        await using DataConnection connection = await DataConnection.OpenAsync(
            broker.Options with { RequestTimeout = TimeSpan.FromMilliseconds(300) }, "/orders", "test", TimeProvider.System, Cancellation);
        DataChannel channel = await connection.OpenChannelAsync("/orders/q", ChannelEvents.None, Cancellation);
        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(() => channel.DeclarePassiveAsync("q", Cancellation));
        Assert.Equal((ErrorCode.OperationTimedOut, "/orders/q"), (error.Code, error.Target));
        connection.Fail(error);
    }

    [Theory]
    [InlineData(404, 50, 10, ErrorCode.QueueNotFound)]
    [InlineData(405, 50, 10, ErrorCode.QueueInUse)]
    [InlineData(405, 60, 70, ErrorCode.QueueInUse)]
    [InlineData(403, 50, 10, ErrorCode.BrokerAccessRefused)]
    [InlineData(406, 60, 20, ErrorCode.BrokerConnectionLost)]
    [InlineData(406, 0, 0, ErrorCode.BrokerConnectionLost)]
    [InlineData(406, 60, 40, ErrorCode.PublishRejected)]
    [InlineData(311, 60, 40, ErrorCode.PublishRejected)]
    [InlineData(404, 60, 40, ErrorCode.PublishRejected)]
    [InlineData(403, 60, 40, ErrorCode.BrokerAccessRefused)]
    public async Task A_channel_closed_by_the_broker_is_translated_by_code_and_method(ushort code, ushort classId, ushort methodId, ErrorCode expected)
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await peer.OpenAsync();
            await peer.OpenChannelAsync(1);
            await peer.ExpectAsync(MethodId.QueueDeclare);
            await peer.SendAsync(Wire.Close(1, code, "the broker's own words", classId, methodId));
            await peer.ExpectAsync(MethodId.ChannelCloseOk);
            await peer.OpenChannelAsync(1);
            await peer.CloseAsync();
        });
        await using DataConnection connection = await DataConnection.OpenAsync(broker.Options, "/orders", "test", TimeProvider.System, Cancellation);
        DataChannel channel = await connection.OpenChannelAsync("/orders/q", ChannelEvents.None, Cancellation);
        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(() => channel.DeclarePassiveAsync("q", Cancellation));
        Assert.Equal((expected, "/orders/q"), (error.Code, error.Target));
        Assert.Contains($"{code} the broker's own words", error.Message);
        Assert.Same(error, channel.Closed);

        // The connection goes on, and the channel's number is free again.
        Assert.Equal(1, (await connection.OpenChannelAsync("q", ChannelEvents.None, Cancellation)).Number);
    }

    [Fact]
    public async Task A_connection_closed_by_the_broker_ends_every_wait_with_its_words()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await peer.OpenAsync();
            await peer.OpenChannelAsync(1);
            await peer.ExpectAsync(MethodId.QueueDeclare);
            await peer.SendAsync(Wire.Close(0, 320, "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'", 0, 0));
            await peer.HangAsync();
        });
        await using DataConnection connection = await DataConnection.OpenAsync(broker.Options, "/orders", "test", TimeProvider.System, Cancellation);
        HoldingEvents events = new();
        DataChannel channel = await connection.OpenChannelAsync("q", events, Cancellation);
        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(() => channel.DeclarePassiveAsync("q", Cancellation));
        Assert.Equal((ErrorCode.BrokerConnectionLost, true), (error.Code, error.IsTransient));
        Assert.Contains("shutdown", error.Message);
        Assert.Same(error, await events.Closed.Task.WaitAsync(TimeSpan.FromSeconds(5), Cancellation));
        await Assert.ThrowsAsync<RabbitBackupException>(() => connection.OpenChannelAsync("q", ChannelEvents.None, Cancellation));
    }

    [Fact]
    public async Task Half_a_frame_and_then_nothing_is_a_lost_connection()
    {
        byte[] deliver = Wire.Deliver(1, "c", 1, "q", [1, 2, 3]);
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await peer.OpenAsync();
            await peer.OpenChannelAsync(1);
            await peer.SendAsync(deliver[..^5]);
        });
        await using DataConnection connection = await DataConnection.OpenAsync(broker.Options, "/orders", "test", TimeProvider.System, Cancellation);
        HoldingEvents events = new();
        await connection.OpenChannelAsync("q", events, Cancellation);
        RabbitBackupException error = await events.Closed.Task.WaitAsync(TimeSpan.FromSeconds(5), Cancellation);
        Assert.Equal((ErrorCode.BrokerConnectionLost, true), (error.Code, error.IsTransient));
        Assert.False(events.Holding.Task.IsCompleted);
    }

    [Theory]
    [InlineData("a wrong end octet")]
    [InlineData("a body without a header")]
    [InlineData("an answer to nothing")]
    [InlineData("content on channel 0")]
    public async Task What_is_not_the_protocol_ends_the_connection(string what)
    {
        byte[] bytes = what switch
        {
            "a wrong end octet" => [.. Wire.Body(1, [1])[..^1], 0],
            "a body without a header" => Wire.Body(1, [1]),
            "an answer to nothing" => Wire.Method(1, 60, 11),
            _ => Wire.Body(0, [1]),
        };
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await peer.OpenAsync();
            await peer.OpenChannelAsync(1);
            await peer.SendAsync(bytes);
            await peer.HangAsync();
        });
        await using DataConnection connection = await DataConnection.OpenAsync(broker.Options, "/orders", "test", TimeProvider.System, Cancellation);
        HoldingEvents events = new();
        await connection.OpenChannelAsync("q", events, Cancellation);
        RabbitBackupException error = await events.Closed.Task.WaitAsync(TimeSpan.FromSeconds(5), Cancellation);
        Assert.Equal(ErrorCode.BrokerConnectionLost, error.Code);
        Assert.Contains("not AMQP 0-9-1", error.Message);
    }

    [Fact]
    public async Task A_channel_flow_is_answered_and_told()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await peer.OpenAsync();
            await peer.OpenChannelAsync(1);
            await peer.SendAsync(Wire.Method(1, 20, 20, [0]));
            byte[] flowOk = await peer.ExpectAsync(MethodId.ChannelFlowOk);
            Assert.Equal([0], flowOk);
            await peer.CloseAsync();
        });
        await using DataConnection connection = await DataConnection.OpenAsync(broker.Options, "/orders", "test", TimeProvider.System, Cancellation);
        HoldingEvents events = new();
        await connection.OpenChannelAsync("q", events, Cancellation);
        Assert.NotNull(await events.Blocked.Task.WaitAsync(TimeSpan.FromSeconds(5), Cancellation));
    }

    private static Task<RabbitBackupException> FailAsync(BrokerOptions options) =>
        Assert.ThrowsAsync<RabbitBackupException>(() => DataConnection.OpenAsync(options, "/orders", "test", TimeProvider.System, Cancellation));

    /// <summary>Holds the read loop up after the first message.</summary>
    private sealed class HoldingEvents : ChannelEvents
    {
        internal TaskCompletionSource Holding { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        internal TaskCompletionSource LetGo { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        internal TaskCompletionSource<RabbitBackupException> Closed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        internal TaskCompletionSource<string?> Blocked { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        internal override void OnDelivery(in Delivery delivery) => Holding.TrySetResult();

        internal override void OnBlocked(string? reason) => Blocked.TrySetResult(reason);

        internal override void OnClosed(RabbitBackupException reason) => Closed.TrySetResult(reason);

        internal override ValueTask OnPauseAsync() => Holding.Task.IsCompleted ? new ValueTask(LetGo.Task) : ValueTask.CompletedTask;
    }
}
