using System.Buffers;
using System.Text;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Broker.Amqp;
using RabbitMqBackup.Engine.Tests.Broker.Amqp;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker;

/// <summary>The publisher against a scripted broker.</summary>
public class QueuePublisherTests
{
    private const ushort Channel = 1;

    private static readonly byte[] Key = "q"u8.ToArray();

    private readonly CollectingPublishEvents _events = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_message_goes_out_as_it_was_given_and_is_confirmed()
    {
        byte[] body = new byte[10_000];
        Random.Shared.NextBytes(body);
        byte[] properties = [0b0001_0000, 0, 2];
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, frameMax: 4096);
            byte[] publish = await peer.ExpectAsync(MethodId.BasicPublish);
            Assert.Equal([0, 0, .. Wire.Short("ex"), .. Wire.Short("q"), 1], publish);
            Assert.Equal([0, 60, 0, 0, .. Wire.U64(10_000), .. properties], (await peer.ReadFrameAsync()).Payload);
            byte[] received = [.. (await peer.ReadFrameAsync()).Payload, .. (await peer.ReadFrameAsync()).Payload, .. (await peer.ReadFrameAsync()).Payload];
            Assert.Equal(body, received);
            await peer.SendAsync(Ack(1));
            await peer.CloseAsync();
        });
        await using QueuePublisher publisher = await OpenAsync(broker);
        ulong sequence = await publisher.PublishAsync("ex"u8.ToArray(), Key, new(properties), Wire.InPieces(body, 777), mandatory: true, Cancellation);
        Assert.Equal(1ul, sequence);
        PublishState state = await publisher.CompleteAsync(Cancellation);
        Assert.Equal((1ul, 1ul), (state.Published, state.Confirmed));
    }

    [Fact]
    public async Task Publishing_waits_when_the_window_is_full_and_goes_on_with_the_confirms()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer);
            for (ulong batch = 0; batch < 3; batch++)
            {
                await ReadMessagesAsync(peer, 4);
                await peer.SendAsync(Ack((batch * 4) + 4, multiple: true));
            }

            await peer.CloseAsync();
        });
        await using QueuePublisher publisher = await OpenAsync(broker, new PublisherOptions { Window = 4 });
        for (int i = 0; i < 12; i++)
        {
            await PublishAsync(publisher, $"m{i}");
            Assert.InRange(publisher.State.Unknown.Count, 0, 4);
        }

        Assert.Equal(12ul, (await publisher.CompleteAsync(Cancellation)).Confirmed);
    }

    [Fact]
    public async Task Returned_and_refused_messages_are_told()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer);
            await ReadMessagesAsync(peer, 3);
            byte[] returned = [.. Wire.Method(Channel, 60, 50, Wire.U16(312), Wire.Short("NO_ROUTE"), Wire.Short(""), Wire.Short("q")), .. Wire.Header(Channel, 2, 0x10, 0, 2), .. Wire.Body(Channel, "m1"u8.ToArray())];
            await peer.SendAsync(returned, Ack(1), Wire.Method(Channel, 60, 120, Wire.U64(3), [0]), Ack(2));
            await peer.CloseAsync();
        });
        await using QueuePublisher publisher = await OpenAsync(broker);
        await PublishAsync(publisher, "m1");
        await PublishAsync(publisher, "m2");
        await PublishAsync(publisher, "m3");
        PublishState state = await publisher.CompleteAsync(Cancellation);
        Assert.Equal((3ul, 2ul, 1ul, 1ul), (state.Published, state.Confirmed, state.Nacked, state.Returned));
        Assert.Empty(state.Unknown);
        Assert.Equal([3ul], _events.Nacked);
        (ushort code, string text, string key, byte[] properties, byte[] body) = Assert.Single(_events.Returned);
        Assert.Equal((312, "NO_ROUTE", "q", "m1"), (code, text, key, Encoding.UTF8.GetString(body)));
        Assert.Equal([0x10, 0, 2], properties);
    }

    [Fact]
    public async Task After_a_lost_connection_it_is_known_what_is_confirmed_and_what_is_not()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer);
            await ReadMessagesAsync(peer, 5);
            await peer.SendAsync(Ack(2, multiple: true), Ack(4));
        });
        await using QueuePublisher publisher = await OpenAsync(broker);
        for (int i = 1; i <= 5; i++)
        {
            await PublishAsync(publisher, $"m{i}");
        }

        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(() => publisher.CompleteAsync(Cancellation));
        Assert.Equal((ErrorCode.BrokerConnectionLost, true), (error.Code, error.IsTransient));
        Assert.Equal((5ul, 3ul), (publisher.State.Published, publisher.State.Confirmed));
        Assert.Equal([3ul, 5ul], publisher.State.Unknown);
        await Assert.ThrowsAsync<RabbitBackupException>(() => PublishAsync(publisher, "m6").AsTask());
        Assert.Equal(5ul, publisher.State.Published);
    }

    [Fact]
    public async Task A_channel_closed_because_of_a_message_is_a_rejection_that_names_the_reason()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer);
            await ReadMessagesAsync(peer, 1);
            await peer.SendAsync(Wire.Close(Channel, 406, "PRECONDITION_FAILED - user_id property set to 'app' but authenticated user was 'guest'", 60, 40));
            await peer.ExpectAsync(MethodId.ChannelCloseOk);
            await peer.CloseAsync();
        });
        await using QueuePublisher publisher = await OpenAsync(broker);
        await PublishAsync(publisher, "m1");
        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(() => publisher.CompleteAsync(Cancellation));
        Assert.Equal(ErrorCode.PublishRejected, error.Code);
        Assert.Contains("user_id", error.Message);
        Assert.Equal([1ul], publisher.State.Unknown);
    }

    [Fact]
    public async Task A_blocked_connection_makes_publishing_wait_and_is_told()
    {
        TaskCompletionSource unblock = new();
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer);
            await peer.SendAsync(Wire.Method(0, 10, 60, Wire.Short("low on memory")));
            await unblock.Task;
            await peer.SendAsync(Wire.Method(0, 10, 61));
            await ReadMessagesAsync(peer, 1);
            await peer.SendAsync(Ack(1));
            await peer.CloseAsync();
        });
        await using QueuePublisher publisher = await OpenAsync(broker);
        while (_events.Blocked.IsEmpty)
        {
            await Task.Delay(10, Cancellation);
        }

        Task<ulong> publish = PublishAsync(publisher, "m1").AsTask();
        await Task.Delay(200, Cancellation);
        Assert.False(publish.IsCompleted);
        unblock.SetResult();
        Assert.Equal(1ul, await publish);
        await publisher.CompleteAsync(Cancellation);
        Assert.Equal(["low on memory", null], _events.Blocked);
    }

    [Fact]
    public async Task A_broker_that_stays_blocked_times_out()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer);
            await peer.SendAsync(Wire.Method(0, 10, 60, Wire.Short("low on disk")));
            await peer.CloseAsync();
        });
        await using QueuePublisher publisher = await OpenAsync(broker, new PublisherOptions { BlockedTimeout = TimeSpan.FromMilliseconds(200) });
        while (_events.Blocked.IsEmpty)
        {
            await Task.Delay(10, Cancellation);
        }

        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(() => PublishAsync(publisher, "m1").AsTask());
        Assert.Equal(ErrorCode.OperationTimedOut, error.Code);
        Assert.Contains("blocked", error.Message);
    }

    [Fact]
    public async Task Confirms_that_stop_coming_time_out()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer);
            await ReadMessagesAsync(peer, 1);
            await peer.CloseAsync();
        });
        await using QueuePublisher publisher = await OpenAsync(broker, requestTimeout: TimeSpan.FromMilliseconds(300));
        await PublishAsync(publisher, "m1");
        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(() => publisher.CompleteAsync(Cancellation));
        Assert.Equal(ErrorCode.OperationTimedOut, error.Code);
        Assert.Equal([1ul], publisher.State.Unknown);
    }

    [Fact]
    public async Task A_cancelled_wait_leaves_no_gap_in_the_numbers()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer);
            await ReadMessagesAsync(peer, 1);
            await peer.CloseAsync();
        });
        await using QueuePublisher publisher = await OpenAsync(broker, new PublisherOptions { Window = 1 });
        await PublishAsync(publisher, "m1");
        using CancellationTokenSource cancel = new(100);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await publisher.PublishAsync(default, Key, new([0, 0]), new([1]), false, cancel.Token));
        Assert.Equal(1ul, publisher.State.Published);
    }

    [Fact]
    public async Task Properties_that_fit_no_frame_are_rejected_before_anything_is_sent()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, frameMax: 4096);
            await peer.CloseAsync();
        });
        await using QueuePublisher publisher = await OpenAsync(broker);
        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(async () => await publisher.PublishAsync(default, Key, new(new byte[4077]), default, false, Cancellation));
        Assert.Equal(ErrorCode.PublishRejected, error.Code);
        Assert.Equal(0ul, publisher.State.Published);
    }

    private static async Task BeginAsync(ScriptedPeer peer, uint frameMax = 131_072)
    {
        await peer.OpenAsync(frameMax: frameMax);
        await peer.OpenChannelAsync(Channel);
        await peer.ExpectAsync(MethodId.ConfirmSelect);
        await peer.SendAsync(Wire.Method(Channel, 85, 11));
    }

    private static async Task ReadMessagesAsync(ScriptedPeer peer, int count)
    {
        for (int i = 0; i < count; i++)
        {
            await peer.ExpectAsync(MethodId.BasicPublish);
            await peer.ReadFrameAsync();
            await peer.ReadFrameAsync();
        }
    }

    private static byte[] Ack(ulong tag, bool multiple = false) => Wire.Method(Channel, 60, 80, Wire.U64(tag), [multiple ? (byte)1 : (byte)0]);

    private static ValueTask<ulong> PublishAsync(QueuePublisher publisher, string body) =>
        publisher.PublishAsync(default, Key, new ReadOnlySequence<byte>([0, 0]), new ReadOnlySequence<byte>(Encoding.UTF8.GetBytes(body)), mandatory: true, Cancellation);

    private Task<QueuePublisher> OpenAsync(ScriptedBroker broker, PublisherOptions? options = null, TimeSpan? requestTimeout = null) => QueuePublisher.OpenAsync(
        broker.Options with { RequestTimeout = requestTimeout ?? broker.Options.RequestTimeout }, "/", options ?? new PublisherOptions(), _events, TimeProvider.System, Cancellation);
}
