using System.Security.Cryptography;
using System.Text;
using RabbitMQ.Client;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker;

/// <summary>What the tests of reads from real brokers share, with RabbitMQ's own client as the one that fills the queues and says what is in them afterwards.</summary>
internal static class QueueReaderBed
{
    internal const string Queue = "orders";

    /// <summary>Every generation with both queue types and the release that keeps the order there.</summary>
    public static TheoryData<string, string, string> Safe => new()
    {
        { "3.10", "classic", "ChannelClose" },
        { "3.10", "quorum", "ChannelClose" },
        { "4.0", "classic", "ChannelClose" },
        { "4.0", "quorum", "ChannelClose" },
        { "4.3", "classic", "ChannelClose" },
        { "4.3", "quorum", "Nack" },
        { "4.3", "quorum", "ChannelClose" },
    };

    internal static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    internal static async Task<IndependentClient> ClientAsync(ManagedVirtualHost host, string generation) => await IndependentClient.ConnectAsync(await TestBroker.GetAsync(generation), host.Name);

    internal static QueueReadRequest NewRequest(ManagedVirtualHost host, string type, string release) => new()
    {
        Queue = new QueueName(host.Name, Queue),
        IsQuorum = type == "quorum",
        Release = Enum.Parse<QueueReleaseMethod>(release),
    };

    internal static Task<QueueReadResult> ReadAsync(ManagedVirtualHost host, QueueReadRequest request, IDeliverySink sink) =>
        new QueueReader(host.Options, TimeProvider.System).ReadAsync(request, sink, Cancellation);

    internal static (BasicProperties Properties, byte[] Body) NewMessage(int number)
    {
        byte[] body = new byte[number % 7 == 0 ? 0 : number % 600];
        new Random(number).NextBytes(body);
        return (new BasicProperties { MessageId = $"m{number}", Persistent = true }, [.. Encoding.UTF8.GetBytes($"{number}:"), .. body]);
    }

    internal static string Hash(byte[] body) => Convert.ToHexString(SHA256.HashData(body));

    internal static async Task UntilReadyAsync(IndependentClient client, uint count)
    {
        for (DateTime deadline = DateTime.UtcNow.AddSeconds(20); await client.CountAsync(Queue) < count; await Task.Delay(50, Cancellation))
        {
            Assert.True(DateTime.UtcNow < deadline, $"{await client.CountAsync(Queue)} of {count} are ready");
        }
    }
}
