using System.Text.Json;
using RabbitMqBackup.Engine.Backup;
using RabbitMqBackup.Engine.Broker;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Backup;

/// <summary>What a plugin keeps outside of queues is told. The plugin is in no package here: the answers are made after its sources.</summary>
public sealed class DelayedExchangesTests
{
    [Fact]
    public void Messages_that_an_exchange_delays_are_told_where_queues_are_backed_up()
    {
        const string Answer = """
            [
              {"name":"later","vhost":"a","type":"x-delayed-message","messages_delayed":7,"arguments":{"x-delayed-type":"direct"}},
              {"name":"idle","vhost":"a","type":"x-delayed-message","messages_delayed":0,"arguments":{}},
              {"name":"elsewhere","vhost":"b","type":"x-delayed-message","messages_delayed":9,"arguments":{}},
              {"name":"","vhost":"a","type":"direct","arguments":{}}
            ]
            """;
        using JsonDocument json = JsonDocument.Parse(Answer);
        QueueInfo queue = new() { Name = "q", VirtualHost = "a", Type = QueueTypes.Classic };

        IEnumerable<string> notes = DelayedExchanges.Notes(json.RootElement.EnumerateArray().Select(item => ManagementJson.Exchange(item, null)), [queue]);

        Assert.Equal("Exchange a/later delays about 7 message(s), which are in no queue yet, and so not in this backup.", Assert.Single(notes));
    }
}
