using System.Management.Automation;
using System.Text;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Module.Tests;

/// <summary>
/// A test with a session, a virtual host of its own on a real broker, an independent client and an empty place for a store. In the session <c>$Rabbit</c> is a
/// connection that is limited to the virtual host, <c>$Store</c> a folder that is not there yet.
/// </summary>
public abstract class BrokerTest : IAsyncLifetime
{
    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"rabbitmqbackup-{Guid.NewGuid():N}");
    private IConnection? _connection;

    private protected ModuleSession Session { get; } = new();

    private protected TestVirtualHost VirtualHost { get; private set; } = null!;

    private protected TestBroker Broker => VirtualHost.Broker;

    private protected IChannel Channel { get; private set; } = null!;

    /// <summary>Ends with the test's time.</summary>
    private protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>A folder for whatever the test needs.</summary>
    private protected string Folder => _folder;

    /// <summary>The store's folder.</summary>
    private protected string Store => Path.Combine(_folder, "store");

    /// <summary>The manifests that are in the store.</summary>
    private protected IReadOnlyList<string> Manifests => Directory.Exists(Store) ? Directory.GetFiles(Store, "manifest.json", SearchOption.AllDirectories) : [];

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        TestBroker broker;
        try
        {
            broker = await TestBroker.GetAsync();
        }
        catch (TestServerUnavailableException reason)
        {
            Assert.Skip(reason.Message);
            return;
        }

        Directory.CreateDirectory(_folder);
        VirtualHost = await TestVirtualHost.CreateAsync(broker, "module");
        _connection = await new ConnectionFactory { Uri = VirtualHost.AmqpUri }.CreateConnectionAsync();
        Channel = await _connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: false));
        Session.Set("Store", Store);
        Session.Set("Folder", _folder);
        Session.Set("Uri", VirtualHost.AmqpUri.AbsoluteUri);
        Session.Set("ManagementUri", Broker.ManagementUri);

        // Definitions have tests of their own; here they would be those of the whole broker.
        Session.RunCleanly("$global:PSDefaultParameterValues['Backup-RabbitMq:SkipDefinitions'] = $true; $global:PSDefaultParameterValues['Backup-RabbitMq:CheckpointPath'] = $Folder + '/checkpoints'; $global:Rabbit = New-RabbitConnection $Uri -ManagementUri $ManagementUri");
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        Session.Dispose();
        if (_connection is not null)
        {
            await _connection.DisposeAsync();
            await VirtualHost.DisposeAsync();
            Directory.Delete(_folder, recursive: true);
        }
    }

    /// <summary>Declares a queue and fills it with the texts <c>name-0</c>, <c>name-1</c>, …, each with the header <c>number</c>.</summary>
    private protected async Task FillAsync(string queue, int messages, string type = "classic", int bytes = 0)
    {
        await Channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-queue-type"] = type });
        TaskCompletionSource confirmed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        ulong last = await Channel.GetNextPublishSequenceNumberAsync() + (ulong)messages - 1;
        Channel.BasicAcksAsync += (_, confirm) =>
        {
            if (confirm.DeliveryTag >= last)
            {
                confirmed.TrySetResult();
            }

            return Task.CompletedTask;
        };
        for (int i = 0; i < messages; i++)
        {
            BasicProperties properties = new() { MessageId = $"{queue}-{i}", Persistent = true, Headers = new Dictionary<string, object?> { ["number"] = i } };
            await Channel.BasicPublishAsync("", queue, mandatory: true, properties, Encoding.UTF8.GetBytes($"{queue}-{i}".PadRight(bytes)));
        }

        if (messages > 0)
        {
            await confirmed.Task.WaitAsync(TimeSpan.FromSeconds(60));
        }
    }

    /// <summary>Takes everything out of a queue, in its order.</summary>
    private protected async Task<IReadOnlyList<string>> TakeAllAsync(string queue)
    {
        uint expected = await DepthAsync(queue);
        List<string> bodies = [];
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        AsyncEventingBasicConsumer consumer = new(Channel);
        consumer.ReceivedAsync += (_, message) =>
        {
            bodies.Add(Encoding.UTF8.GetString(message.Body.Span).TrimEnd());
            if (bodies.Count == expected)
            {
                done.TrySetResult();
            }

            return Task.CompletedTask;
        };
        if (expected > 0)
        {
            string tag = await Channel.BasicConsumeAsync(queue, autoAck: true, consumer);
            await done.Task.WaitAsync(TimeSpan.FromSeconds(60));
            await Channel.BasicCancelAsync(tag);
        }

        return bodies;
    }

    /// <summary>Ready messages, as the broker knows them at once.</summary>
    private protected async Task<uint> DepthAsync(string queue) => await Channel.MessageCountAsync(queue);

    /// <summary>Waits until the management API lists a queue with this many ready messages: it is some seconds late.</summary>
    private protected async Task AwaitListedAsync(string queue, int messages)
    {
        DateTime deadline = DateTime.UtcNow.AddSeconds(30);
        while (Session.RunCleanly($"(Get-RabbitQueue {queue} -Connection $Rabbit).Messages").SingleOrDefault()?.BaseObject is not long count || count != messages)
        {
            Assert.True(DateTime.UtcNow < deadline, $"the management API never showed {messages} messages in {queue}");
            await Task.Delay(200);
        }
    }

    /// <summary>The texts that a queue was filled with.</summary>
    private protected static IEnumerable<string> Filled(string queue, int messages) => Enumerable.Range(0, messages).Select(i => $"{queue}-{i}");

    /// <summary>A property of something that a cmdlet emitted.</summary>
    private protected static object? Value(object item, string property) => PSObject.AsPSObject(item).Properties[property]?.Value;

    /// <summary>A property that is a list.</summary>
    private protected static IReadOnlyList<object> Values(object item, string property) => [.. (IEnumerable<object>)Value(item, property)!];
}
