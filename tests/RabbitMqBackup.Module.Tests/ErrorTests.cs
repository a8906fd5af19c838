using System.Management.Automation;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using Xunit;

namespace RabbitMqBackup.Module.Tests;

/// <summary>Bad input: each a clear error record, and nothing changed.</summary>
public sealed class ErrorTests : BrokerTest
{
    [Fact]
    public void An_unreachable_broker()
    {
        Session.Set("Dead", $"amqp://guest:guest@127.0.0.1:{FreePort()}/");
        Session.RunCleanly("$Dead = New-RabbitConnection $Dead -ManagementUri $ManagementUri");
        Check("Get-RabbitBackup $Store | Restore-RabbitMq -Connection $Dead -Confirm:$false", "BrokerUnreachable", ErrorCategory.ConnectionError, backUpFirst: true);
    }

    [Fact]
    public async Task A_wrong_password()
    {
        await FillAsync("orders", 1);
        Session.Set("Wrong", new PSCredential(Broker.User, new NetworkCredential("", "geheim-falsch").SecurePassword));
        SessionResult result = Check("Backup-RabbitMq $Store -Connection $Rabbit -Credential $Wrong", "BrokerAuthenticationFailed", ErrorCategory.AuthenticationError);
        Assert.DoesNotContain(result.Everything, text => text.Contains("geheim", StringComparison.Ordinal));
    }

    [Fact]
    public async Task No_permission_on_the_virtual_host()
    {
        await FillAsync("orders", 1);
        string user = VirtualHost.Name;
        using HttpResponseMessage made = await Broker.Management.PutAsJsonAsync($"users/{user}", new { password = "geheim", tags = "administrator" }, Cancellation);
        made.EnsureSuccessStatusCode();
        try
        {
            Session.Set("Stranger", new PSCredential(user, new NetworkCredential("", "geheim").SecurePassword));
            SessionResult result = Session.Run("Backup-RabbitMq $Store -Connection $Rabbit -Credential $Stranger");
            CheckRecord(Assert.Single(result.Errors), "BrokerAccessRefused", ErrorCategory.PermissionDenied);
            Assert.DoesNotContain(result.Everything, text => text.Contains("geheim", StringComparison.Ordinal));
        }
        finally
        {
            using HttpResponseMessage deleted = await Broker.Management.DeleteAsync($"users/{user}", Cancellation);
        }
    }

    [Fact]
    public void A_management_API_that_is_off()
    {
        Session.Set("Off", $"http://127.0.0.1:{FreePort()}");
        Session.RunCleanly("$Off = New-RabbitConnection $Uri -ManagementUri $Off");
        Check("Backup-RabbitMq $Store -Connection $Off", "ManagementApiUnavailable", ErrorCategory.ResourceUnavailable);
    }

    [Fact]
    public async Task A_queue_that_is_not_there()
    {
        await FillAsync("orders", 1);
        Check("Backup-RabbitMq $Store no-such-queue -Connection $Rabbit", "QueueNotFound", ErrorCategory.ObjectNotFound);
    }

    [Fact]
    public async Task A_target_folder_that_can_not_be_made()
    {
        await FillAsync("orders", 1);
        await File.WriteAllTextAsync(Store, "a file", Cancellation);
        SessionResult result = Session.Run("Backup-RabbitMq $Store -Connection $Rabbit");
        Assert.Empty(result.Output);
        ErrorRecord error = Assert.Single(result.Errors);
        Assert.Contains(error.CategoryInfo.Category, new[] { ErrorCategory.PermissionDenied, ErrorCategory.ResourceUnavailable });
        CheckText(error);
        Assert.Equal(1u, await DepthAsync("orders"));
    }

    [Fact]
    public async Task A_read_only_target_folder()
    {
        if (OperatingSystem.IsWindows() || Environment.IsPrivilegedProcess)
        {
            Assert.Skip("a privileged user may write into read-only folders, and Windows has no such mode");
            return;
        }

        await FillAsync("orders", 1);
        Directory.CreateDirectory(Store).UnixFileMode = UnixFileMode.UserRead | UnixFileMode.UserExecute;
        Check("Backup-RabbitMq $Store -Connection $Rabbit", "StorageAccessDenied", ErrorCategory.PermissionDenied);
    }

    [Fact]
    public async Task A_backup_id_that_exists()
    {
        await FillAsync("orders", 1);
        Session.RunCleanly("Backup-RabbitMq $Store -Connection $Rabbit -BackupId daily");
        DateTime written = File.GetLastWriteTimeUtc(Manifests.Single());
        Check("Backup-RabbitMq $Store -Connection $Rabbit -BackupId daily", "BackupExists", ErrorCategory.ResourceExists, manifests: 1);
        Assert.Equal(written, File.GetLastWriteTimeUtc(Manifests.Single()));
    }

    [Fact]
    public void A_backup_that_is_not_there()
    {
        Directory.CreateDirectory(Store);
        Check("Get-RabbitBackup $Store no-such-backup", "BackupNotFound", ErrorCategory.ObjectNotFound);
    }

    [Fact]
    public void No_store_at_all() => Check("Get-RabbitBackup", "InvalidArgument", ErrorCategory.InvalidArgument, withTarget: true, withRemedy: false);

    [Theory]
    [InlineData("Truncated")]
    [InlineData("Altered")]
    public async Task A_damaged_segment(string damage)
    {
        await FillAsync("orders", 20);
        Session.RunCleanly("Backup-RabbitMq $Store -Connection $Rabbit");
        string segment = Directory.GetFiles(Store, "segment-*", SearchOption.AllDirectories).Single();
        await DamageAsync(segment, damage);
        Check("Get-RabbitBackup $Store | Get-RabbitBackupMessage", "SegmentCorrupt", ErrorCategory.InvalidData, manifests: 1);
        await Channel.QueuePurgeAsync("orders", Cancellation);
        SessionResult restored = Session.Run("Get-RabbitBackup $Store | Restore-RabbitMq -Connection $Rabbit -Confirm:$false");
        Assert.Equal(false, Value(Assert.Single(restored.Output), "IsComplete"));
        CheckRecord(restored.Errors[0], "SegmentCorrupt", ErrorCategory.InvalidData);
        Assert.Equal(0u, await DepthAsync("orders"));
    }

    [Theory]
    [InlineData("Truncated")]
    [InlineData("Altered")]
    public async Task A_damaged_manifest(string damage)
    {
        await FillAsync("orders", 1);
        Session.RunCleanly("Backup-RabbitMq $Store -Connection $Rabbit");
        await DamageAsync(Manifests.Single(), damage);
        Check("Get-RabbitBackup $Store", "BackupIncomplete", ErrorCategory.InvalidData, manifests: 1);
    }

    private static async Task DamageAsync(string path, string damage)
    {
        byte[] bytes = await File.ReadAllBytesAsync(path);
        if (damage == "Truncated")
        {
            bytes = bytes[..(bytes.Length / 2)];
        }
        else
        {
            bytes[bytes.Length / 2] ^= 0x80;
        }

        await File.WriteAllBytesAsync(path, bytes);
    }

    /// <summary>Runs a command that must fail with one record, without output and without leaving a backup.</summary>
    private SessionResult Check(
        string script, string id, ErrorCategory category, int manifests = 0, bool withTarget = true, bool withRemedy = true, bool backUpFirst = false)
    {
        if (backUpFirst)
        {
            FillAsync("orders", 1).GetAwaiter().GetResult();
            Session.RunCleanly("Backup-RabbitMq $Store -Connection $Rabbit");
            manifests = 1;
        }

        SessionResult result = Session.Run(script);
        Assert.Empty(result.Output);
        CheckRecord(Assert.Single(result.Errors), id, category, withTarget, withRemedy);
        Assert.Equal(manifests, Manifests.Count);
        return result;
    }

    private static void CheckRecord(ErrorRecord error, string id, ErrorCategory category, bool withTarget = true, bool withRemedy = true)
    {
        Assert.StartsWith($"{id},", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal(category, error.CategoryInfo.Category);
        Assert.Equal(withTarget, error.TargetObject is string { Length: > 0 });
        CheckText(error, withRemedy);
    }

    private static void CheckText(ErrorRecord error, bool withRemedy = true)
    {
        Assert.Equal(withRemedy, error.ErrorDetails.RecommendedAction.Length > 0);
        Assert.DoesNotContain("   at ", error.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", error.ToString(), StringComparison.Ordinal);
    }

    private static int FreePort()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
