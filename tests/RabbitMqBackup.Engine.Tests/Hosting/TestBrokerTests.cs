using System.Net.Sockets;
using RabbitMQ.Client;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Hosting;

/// <summary>The tests' own brokers: they must hold what the tests that kill and configure them rely on.</summary>
public sealed class TestBrokerTests
{
    [Fact]
    public async Task A_broker_of_its_own_keeps_durable_messages_over_a_stop_and_a_kill_and_is_gone_after_disposal()
    {
        OwnTestBroker broker;
        try
        {
            broker = await TestBroker.StartOwnAsync("4.3", "consumer_timeout = 3600000");
        }
        catch (TestServerUnavailableException e)
        {
            Assert.Skip(e.Message);
            return;
        }

        await using (broker)
        {
            await PublishAsync(broker, "first");
            await broker.StopAsync();
            await Assert.ThrowsAsync<SocketException>(() => ConnectAsync(broker));
            await broker.StartAsync();
            await PublishAsync(broker, "second");
            await broker.KillAsync();
            await Assert.ThrowsAsync<SocketException>(() => ConnectAsync(broker));
            await broker.StartAsync();

            Assert.Equal(["first", "second"], await BodiesAsync(broker));
            Assert.Contains("3600000", await broker.CtlAsync("rabbitmqctl", "-q", "eval", "application:get_env(rabbit, consumer_timeout)."));
            InvalidOperationException refused = await Assert.ThrowsAsync<InvalidOperationException>(() => broker.CtlAsync("rabbitmqctl", "no_such_command"));
            Assert.Contains("no_such_command", refused.Message);
        }

        await Assert.ThrowsAsync<SocketException>(() => ConnectAsync(broker));
    }

    [Fact]
    public async Task The_process_has_one_broker_and_a_virtual_host_is_gone_after_disposal()
    {
        TestBroker broker, again;
        try
        {
            broker = await TestBroker.GetAsync();
            again = await TestBroker.GetAsync();
        }
        catch (TestServerUnavailableException e)
        {
            Assert.Skip(e.Message);
            return;
        }

        Assert.Same(broker, again);
        TestVirtualHost virtualHost = await TestVirtualHost.CreateAsync(broker, "a/b %");
        string path = $"vhosts/{Uri.EscapeDataString(virtualHost.Name)}";
        await using (await new ConnectionFactory { Uri = virtualHost.AmqpUri }.CreateConnectionAsync(TestContext.Current.CancellationToken))
        {
            Assert.Contains("tracing", await broker.Management.GetStringAsync(path, TestContext.Current.CancellationToken));
        }

        await virtualHost.DisposeAsync();
        using HttpResponseMessage gone = await broker.Management.GetAsync(path, TestContext.Current.CancellationToken);
        Assert.Equal(System.Net.HttpStatusCode.NotFound, gone.StatusCode);
    }

    [Fact]
    public async Task An_unknown_generation_is_refused_by_name()
    {
        ArgumentException refused = await Assert.ThrowsAsync<ArgumentException>(() => TestBroker.StartOwnAsync("2.8"));
        Assert.Contains("'2.8'", refused.Message);
    }

    private static async Task PublishAsync(TestBroker broker, string body)
    {
        await using IConnection connection = await new ConnectionFactory { Uri = broker.AmqpUri() }.CreateConnectionAsync();
        await using IChannel channel = await connection.CreateChannelAsync(new(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
        await channel.QueueDeclareAsync("kept", durable: true, exclusive: false, autoDelete: false);
        await channel.BasicPublishAsync("", "kept", mandatory: true, new BasicProperties { Persistent = true }, System.Text.Encoding.UTF8.GetBytes(body));
    }

    private static async Task<IReadOnlyList<string>> BodiesAsync(TestBroker broker)
    {
        await using IConnection connection = await new ConnectionFactory { Uri = broker.AmqpUri() }.CreateConnectionAsync();
        await using IChannel channel = await connection.CreateChannelAsync();
        List<string> bodies = [];
        while (await channel.BasicGetAsync("kept", autoAck: true) is { } message)
        {
            bodies.Add(System.Text.Encoding.UTF8.GetString(message.Body.Span));
        }

        return bodies;
    }

    private static async Task ConnectAsync(TestBroker broker)
    {
        using TcpClient client = new();
        await client.ConnectAsync(broker.Host, broker.AmqpPort);
    }
}
