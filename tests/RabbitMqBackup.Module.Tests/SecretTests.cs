using System.Collections;
using System.Management.Automation;
using System.Net;
using System.Net.Http.Json;
using System.Reflection;
using System.Text;
using RabbitMQ.Client;
using Xunit;

namespace RabbitMqBackup.Module.Tests;

/// <summary>
/// Canaries: secrets that are used everywhere and must show up nowhere: in no stream, error record, property of any object however deep, host output, log, manifest or checkpoint.
/// A message's body is shown by the one cmdlet that is there for it, and by no other.
/// </summary>
public sealed class SecretTests : BrokerTest
{
    private const string Password = "canary-Passw0rt:@/?#";
    private const string WrongPassword = "canary-Falsch-77";
    private const string Key = "canaryKeyAAAA4444";
    private const string Body = "canary-body-9d2f";

    private static readonly string[] Secrets =
    [
        Password, Uri.EscapeDataString(Password), Convert.ToBase64String(Encoding.UTF8.GetBytes(Password)), WrongPassword, Key, Body,
    ];

    [Fact]
    public async Task No_cmdlet_gives_a_secret_away_whether_it_succeeds_or_fails()
    {
        string user = $"canary-{VirtualHost.Name}";
        await FillAsync("orders", 20);
        await Channel.BasicPublishAsync("", "orders", mandatory: true, new BasicProperties(), Encoding.UTF8.GetBytes(Body), Cancellation);
        await MakeUserAsync(user);
        try
        {
            string at = $"{Broker.Host}:{Broker.AmqpPort}/{Uri.EscapeDataString(VirtualHost.Name)}";
            Session.Set("Good", $"amqp://{user}:{Uri.EscapeDataString(Password)}@{at}");
            Session.Set("Bad", $"amqp://{user}:{WrongPassword}@{at}");
            Session.Set("Dead", $"amqp://{user}:{Uri.EscapeDataString(Password)}@127.0.0.1:1/");
            Session.Set("Credential", new PSCredential(user, new NetworkCredential("", Password).SecurePassword));
            Session.Set("Checkpoints", Path.Combine(Folder, "checkpoints"));
            List<string> told = [];
            foreach (string script in Scripts())
            {
                SessionResult result = Session.Run(script);
                foreach (string text in Texts(result))
                {
                    if (Secrets.FirstOrDefault(secret => text.Contains(secret, StringComparison.Ordinal)) is { } secret)
                    {
                        told.Add($"{script}: '{secret}' in '{text}'");
                    }
                }
            }

            Assert.Empty(told);
            Assert.DoesNotContain(Secrets, secret => Session.Host.Shown.Contains(secret, StringComparison.Ordinal));
            AssertFilesAreClean();
        }
        finally
        {
            using HttpResponseMessage deleted = await Broker.Management.DeleteAsync($"users/{user}", CancellationToken.None);
        }
    }

    /// <summary>Each cmdlet once as it should be, and once with what fails.</summary>
    private static IEnumerable<string> Scripts()
    {
        const string Good = "-Connection $global:C", All = " -Verbose -Debug";
        yield return "$DebugPreference = 'Continue'; $global:C = New-RabbitConnection $Good -ManagementUri $ManagementUri" + All + "; $global:C";
        yield return "New-RabbitConnection $Uri -Credential $Credential -ManagementUri $ManagementUri" + All;
        yield return $"Get-RabbitQueue {Good}{All}";
        yield return $"Backup-RabbitMq $Store {Good} -BackupId one -PassSegment -CheckpointPath $Checkpoints{All}";
        yield return $"Backup-RabbitMq $Store {Good} -BackupId one{All}";
        yield return $"Backup-RabbitMq $Store {Good} -BackupId two -Resume{All}";
        yield return $"Get-RabbitBackup $Store{All}";
        yield return $"Get-RabbitBackup $Store | Get-RabbitBackupSegment{All}";
        yield return $"Get-RabbitBackup $Store | Test-RabbitBackup -Deep{All}";
        yield return $"Get-RabbitBackup $Store | Restore-RabbitMq {Good} -IfNotEmpty Append -WhatIf{All}";
        yield return $"Get-RabbitBackup $Store | Restore-RabbitMq {Good} -IfNotEmpty Append -Confirm:$false{All}";
        yield return $"Get-RabbitBackup $Store | Restore-RabbitMq {Good} -Confirm:$false{All}";
        yield return $"Export-RabbitDefinitions {Good} -Path $Folder/definitions.json{All}";
        yield return $"Import-RabbitDefinitions -Path $Folder/none.json {Good} -Confirm:$false{All}";
        foreach (string connection in new[] { "$Bad", "$Dead" })
        {
            yield return $"New-RabbitConnection {connection} -ManagementUri $ManagementUri -Test{All}";
            yield return $"Get-RabbitQueue -Connection (New-RabbitConnection {connection} -ManagementUri $ManagementUri){All}";
            yield return $"Get-RabbitQueue -Connection {connection}{All}";
            yield return $"Backup-RabbitMq $Store -Connection (New-RabbitConnection {connection} -ManagementUri $ManagementUri){All}";
            yield return $"Get-RabbitBackup $Store | Restore-RabbitMq -Connection (New-RabbitConnection {connection} -ManagementUri $ManagementUri) -Confirm:$false{All}";
            yield return $"Export-RabbitDefinitions -Connection (New-RabbitConnection {connection} -ManagementUri $ManagementUri){All}";
        }

        string s3 = $"s3://bucket/prefix?endpoint=http://127.0.0.1:1&region=x&access_key={Key}&secret_key={Key}";
        string azure = $"azblob://account/container?sas=sv%3D1%26sig%3D{Key}";
        foreach (string store in new[] { s3, azure, $"s3://user:{Key}@bucket/x", $"azblob://user:{Key}@account/container", $"ftp://user:{Key}@host/" })
        {
            yield return $"New-RabbitBackupStore '{store}'{All}";
        }

        yield return $"New-RabbitConnection 'amqp://u:{WrongPassword}@host:notaport/'{All}";
        yield return $"New-RabbitConnection 'http://u:{WrongPassword}@host/'{All}";
        yield return $"Get-RabbitQueue -Connection 'amqp://u:{WrongPassword}@ho st/'{All}";
    }

    /// <summary>What a script gave, in all streams. Properties that PowerShell adds by scripts (as to files) need its runspace and are not ours: objects are looked at as they are.</summary>
    private static IEnumerable<string> Texts(SessionResult result) =>
    [
        .. result.Output.SelectMany(item => Deep(item)),
        .. result.Errors.SelectMany(error => Deep(error)),
        .. result.Errors.Select(error => $"{error} {error.Exception} {error.TargetObject} {error.ErrorDetails?.Message} {error.ErrorDetails?.RecommendedAction}"),
        .. result.Warnings,
        .. result.Verbose,
        .. result.Debug,
        .. result.Progress.Select(record => record.ToString()),
    ];

    /// <summary>Every public property that there is, as Format-List * and what is behind it: names, texts, collections, to a depth of five.</summary>
    private static IEnumerable<string> Deep(object? item, int depth = 5, HashSet<object>? seen = null)
    {
        seen ??= new HashSet<object>(ReferenceEqualityComparer.Instance);
        object? value = item is PSObject wrapped && wrapped.BaseObject is not PSCustomObject ? wrapped.BaseObject : item;
        if (value is null || depth == 0 || !seen.Add(value))
        {
            yield break;
        }

        string text;
        try
        {
            text = value.ToString() ?? "";
        }
        catch (Exception exception)
        {
            text = exception.ToString();
        }

        yield return text;
        if (value is byte[] bytes)
        {
            yield return Encoding.Latin1.GetString(bytes);
        }

        if (value is string || value.GetType().IsPrimitive || value is Type or Assembly or MemberInfo or PSCredential)
        {
            yield break;
        }

        if (value is IEnumerable many)
        {
            foreach (object? one in many)
            {
                foreach (string inner in Deep(one, depth - 1, seen))
                {
                    yield return inner;
                }
            }
        }

        foreach (PropertyInfo property in value.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.GetIndexParameters().Length == 0 && property.CanRead))
        {
            object? inner;
            try
            {
                inner = property.GetValue(value);
            }
            catch (TargetInvocationException)
            {
                continue;
            }

            // The command that was typed holds what was typed.
            if (inner is InvocationInfo)
            {
                continue;
            }

            foreach (string found in Deep(inner, depth - 1, seen))
            {
                yield return found;
            }
        }
    }

    private void AssertFilesAreClean()
    {
        int looked = 0;
        foreach (string file in Directory.GetFiles(Folder, "*", SearchOption.AllDirectories).Where(file => !file.Contains("segment-", StringComparison.Ordinal)))
        {
            string content = Encoding.Latin1.GetString(File.ReadAllBytes(file));
            Assert.DoesNotContain(Secrets, secret => content.Contains(secret, StringComparison.Ordinal));
            looked++;
        }

        Assert.True(looked > 0, "there is no manifest to look into");
    }

    private async Task MakeUserAsync(string user)
    {
        using HttpResponseMessage made = await Broker.Management.PutAsJsonAsync($"users/{user}", new { password = Password, tags = "administrator" }, Cancellation);
        made.EnsureSuccessStatusCode();
        using HttpResponseMessage allowed = await Broker.Management.PutAsJsonAsync(
            $"permissions/{Uri.EscapeDataString(VirtualHost.Name)}/{user}", new { configure = ".*", write = ".*", read = ".*" }, Cancellation);
        allowed.EnsureSuccessStatusCode();
    }
}
