using System.Management.Automation;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using RabbitMQ.Client;
using RabbitMqBackup.TestHost;

namespace RabbitMqBackup.Quickstart;

/// <summary>The steps of the sample, on an empty virtual host.</summary>
internal sealed class Journey : IAsyncDisposable
{
    private static readonly IReadOnlyList<SampleQueue> Queues =
    [
        new("orders", "classic", 1000, []),
        new("payments", "quorum", 1000, new() { ["x-queue-type"] = "quorum" }),
        new("alerts", "classic, with priorities 0 to 9", 500, new() { ["x-max-priority"] = 9 }),
    ];

    private readonly TestVirtualHost _virtualHost;
    private readonly string _store;
    private readonly IConnection _connection;
    private readonly ModuleSession _session;

    private Journey(TestVirtualHost virtualHost, string store, IConnection connection, ModuleSession session)
    {
        _virtualHost = virtualHost;
        _store = store;
        _connection = connection;
        _session = session;
    }

    /// <summary>Connects and opens a PowerShell session.</summary>
    /// <param name="virtualHost">Where the queues are made.</param>
    /// <param name="store">The folder that the backup goes to.</param>
    internal static async Task<Journey> StartAsync(TestVirtualHost virtualHost, string store) =>
        new(virtualHost, store, await new ConnectionFactory { Uri = virtualHost.AmqpUri }.CreateConnectionAsync(), ModuleSession.Open());

    /// <summary>Runs them all.</summary>
    /// <exception cref="JourneyException">Something differs from what it should be.</exception>
    internal async Task RunAsync()
    {
        await FillAsync();
        BackUp();
        await LoseQueuesAsync();
        Restore();
        await CompareAsync();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _session.Dispose();
        await _connection.DisposeAsync();
    }

    private async Task FillAsync()
    {
        Story.Heading("Filling three queues");
        foreach (SampleQueue queue in Queues)
        {
            await queue.FillAsync(_connection);
            Story.Tell($"{queue.Name}: {queue.Messages.Count} messages ({queue.Description}), the first is {queue.Messages[0]}");
        }

        await AwaitStatisticsAsync();
    }

    /// <summary>The management API counts messages some seconds late. A backup does not rely on it, but the first table should show what is there.</summary>
    private async Task AwaitStatisticsAsync()
    {
        DateTime deadline = DateTime.UtcNow.AddSeconds(20);
        long expected = Queues.Sum(queue => (long)queue.Messages.Count);
        while (DateTime.UtcNow < deadline)
        {
            JsonElement queues = await _virtualHost.Broker.Management.GetFromJsonAsync<JsonElement>($"queues/{_virtualHost.Name}");
            if (queues.EnumerateArray().Sum(queue => queue.TryGetProperty("messages_ready", out JsonElement ready) ? ready.GetInt64() : 0) == expected)
            {
                return;
            }

            await Task.Delay(200);
        }
    }

    private void BackUp()
    {
        Story.Heading("Looking at the queues, with the module");
        _session.Run("Import-Module ./RabbitMqBackup.psd1");
        TestBroker broker = _virtualHost.Broker;
        _session.Set("credential", new PSCredential(broker.User, new NetworkCredential("", broker.Password).SecurePassword));
        Story.Tell("$credential is what Get-Credential would give: the broker's administrator.");
        _session.Run($"$rabbit = New-RabbitConnection -Uri amqp://{broker.Host}:{broker.AmqpPort} -ManagementUri {broker.ManagementUri} -Credential $credential");
        _session.Run($"Get-RabbitQueue -Connection $rabbit -VirtualHost {_virtualHost.Name}");

        Story.Heading("Backing up");
        PSObject manifest = Single(_session.Run($"Backup-RabbitMq -Connection $rabbit -Store {_store} -VirtualHost {_virtualHost.Name}"), "Backup-RabbitMq");
        long expected = Queues.Sum(queue => (long)queue.Messages.Count);
        Require($"{manifest.Properties["Status"].Value}" == "Complete", $"the backup is {manifest.Properties["Status"].Value}, not complete");
        Require(Equals(manifest.Properties["TotalMessages"].Value, expected), $"the backup holds {manifest.Properties["TotalMessages"].Value} messages, not {expected}");

        Story.Heading("Looking at the backup, and checking every byte of it");
        _session.Run($"Get-RabbitBackup -Store {_store}");
        _session.Run($"Get-RabbitBackup -Store {_store} -Latest | Get-RabbitBackupMessage | Where-Object {{ $_.Properties.MessageId -eq '{Queues[1].Messages[40].Id}' }}");
        PSObject report = Single(_session.Run($"Get-RabbitBackup -Store {_store} -Latest | Test-RabbitBackup -Deep"), "Test-RabbitBackup");
        Require(Equals(report.Properties["IsValid"].Value, true), "the check found damage");
    }

    private async Task LoseQueuesAsync()
    {
        Story.Heading("Losing the queues");
        foreach (SampleQueue queue in Queues)
        {
            uint lost = await queue.DeleteAsync(_connection);
            Require(lost == queue.Messages.Count, $"{queue.Name} held {lost} messages after the backup, not {queue.Messages.Count}");
            Story.Tell($"{queue.Name} is deleted, with the {lost} messages that were still in it after the backup");
        }
    }

    private void Restore()
    {
        Story.Heading("Restoring");
        PSObject result = Single(_session.Run($"Get-RabbitBackup -Store {_store} -Latest | Restore-RabbitMq -Connection $rabbit -Confirm:$false"), "Restore-RabbitMq");
        Require(Equals(result.Properties["IsComplete"].Value, true), "the restore is not complete");
    }

    private async Task CompareAsync()
    {
        Story.Heading("Comparing message by message, with another client (RabbitMQ.Client)");
        foreach (SampleQueue queue in Queues)
        {
            IReadOnlyList<SampleMessage> found = await queue.TakeAllAsync(_connection);
            IReadOnlyList<SampleMessage> expected = queue.InDeliveryOrder;
            Require(found.Count == expected.Count, $"{queue.Name} has {found.Count} messages, not {expected.Count}");
            for (int i = 0; i < expected.Count; i++)
            {
                Require(found[i] == expected[i], $"message {i} of {queue.Name} differs{Environment.NewLine}expected {expected[i].Detail}{Environment.NewLine}found    {found[i].Detail}");
            }

            Story.Tell($"{queue.Name}: {found.Count} messages, each equal in place, body, properties and headers");
        }
    }

    private static PSObject Single(IReadOnlyList<PSObject> results, string command) =>
        results.Count == 1 ? results[0] : throw new JourneyException($"{command} gave {results.Count} objects, not one");

    private static void Require(bool condition, string otherwise)
    {
        if (!condition)
        {
            throw new JourneyException(otherwise);
        }
    }
}
