using System.Management.Automation;
using System.Text;
using Xunit;

namespace RabbitMqBackup.Module.Tests;

/// <summary>Limits on what a backup takes, and the policies that it can leave.</summary>
public sealed class GoodNeighbourTests : BrokerTest
{
    /// <summary>More than may be on their way at the limited rate.</summary>
    private const int Messages = 3000;

    [Fact]
    public async Task What_the_hold_time_does_not_suffice_for_is_a_gap_and_everything_is_back()
    {
        await FillAsync("orders", Messages);
        SessionResult result = Session.Run("Backup-RabbitMq $Store orders -Connection $Rabbit -MaxMessagesPerSecond 100 -MaxHoldTime 00:00:02");
        Assert.StartsWith("OperationTimedOut,", Assert.Single(result.Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
        PSObject manifest = Assert.Single(result.Output);
        Assert.Equal("Partial", Value(manifest, "Status")!.ToString());
        object queue = Assert.Single(Values(manifest, "Queues"));
        object gap = Assert.Single(Values(queue, "Gaps"));
        Assert.Equal("HoldTime", Value(gap, "Code"));
        Assert.Equal((long)Messages, (long)Value(queue, "Messages")! + (long)Value(gap, "Messages")!);
        Assert.Equal(Filled("orders", Messages), await TakeAllAsync("orders"));
    }

    [Theory]
    [InlineData("-MaxHoldTime 00:00:00")]
    [InlineData("-MaxMessagesPerSecond 0")]
    [InlineData("-MaxBytesPerSecond 10")]
    [InlineData("-DeliveryLimitReserve -1")]
    public void A_limit_that_can_not_be_is_refused_before_anything_is_done(string limit)
    {
        SessionResult result = Session.Run($"Backup-RabbitMq $Store -Connection $Rabbit {limit}");
        Assert.StartsWith("InvalidArgument,", Assert.Single(result.Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Empty(Manifests);
    }

    [Fact]
    public async Task Policies_that_backups_left_are_shown_and_removed_on_request_and_no_others()
    {
        await FillAsync("orders", 5, "quorum");
        await PutPolicyAsync("RabbitMqBackup delivery limit: orders", """{"pattern":"^orders$","apply-to":"queues","priority":8,"definition":{"delivery-limit":40}}""");
        await PutPolicyAsync("theirs", """{"pattern":".*","apply-to":"queues","priority":7,"definition":{"delivery-limit":9}}""");
        await AwaitListedAsync("orders", 5);

        Assert.Empty(Session.RunCleanly("Remove-RabbitBackupPolicy -Connection $Rabbit -WhatIf"));
        Assert.Empty(Session.RunCleanly("Remove-RabbitBackupPolicy payments* -Connection $Rabbit -Confirm:$false"));
        PSObject removed = Assert.Single(Session.RunCleanly("Remove-RabbitBackupPolicy ord* -Connection $Rabbit -Confirm:$false"));

        Assert.Equal(("orders", 40L, 9L, 5L), ((string)Value(removed, "Queue")!, (long)Value(removed, "DeliveryLimit")!, (long)Value(removed, "DeliveryLimitWithout")!, (long)Value(removed, "Messages")!));
        Assert.Contains("given back 9 times or more are dropped", (string)Value(removed, "Consequence")!, StringComparison.Ordinal);
        Assert.Empty(Session.RunCleanly("Remove-RabbitBackupPolicy -Connection $Rabbit -Confirm:$false"));
        string left = await Broker.Management.GetStringAsync($"policies/{Uri.EscapeDataString(VirtualHost.Name)}", Cancellation);
        Assert.Contains("theirs", left, StringComparison.Ordinal);
        Assert.DoesNotContain("RabbitMqBackup", left, StringComparison.Ordinal);
    }

    private async Task PutPolicyAsync(string name, string json)
    {
        using StringContent body = new(json, Encoding.UTF8, "application/json");
        using HttpResponseMessage put = await Broker.Management.PutAsync($"policies/{Uri.EscapeDataString(VirtualHost.Name)}/{Uri.EscapeDataString(name)}", body, Cancellation);
        put.EnsureSuccessStatusCode();
    }
}
