namespace RabbitMqBackup.Module.Tests;

/// <summary>
/// Each cmdlet as it should be used, and with what fails, in the order of one session. What is secret stands in variables, so that the command that was typed gives nothing away by itself.
/// <c>$Good</c> and <c>$Wrong</c> are connection URIs with the right and a wrong password, <c>$Dead</c> one of a port where nobody listens.
/// </summary>
internal static class SecretScripts
{
    private const string Good = "-Connection $C";

    private static readonly string[] Clouds = ["S3", "Azure"];

    /// <summary>A script, and whether an error must come of it.</summary>
    internal static IEnumerable<(string Script, bool Fails)> All() =>
        [.. Connections(), .. BackupsAndStores(), .. Restores(), .. Definitions(), .. CloudStores(), .. Refusals(), .. Removals()];

    private static IEnumerable<(string Script, bool Fails)> Connections() =>
    [
        ("$global:C = New-RabbitConnection $Good -ManagementUri $ManagementUri -StreamUri $StreamUri; $C", false),
        ("New-RabbitConnection $Uri -Credential $Credential -ManagementUri $ManagementUri", false),
        ($"Get-RabbitQueue {Good}", false),
        ($"Get-RabbitQueue no-such {Good}", true),
    ];

    private static IEnumerable<(string Script, bool Fails)> BackupsAndStores() =>
    [
        ($"Backup-RabbitMq $Store {Good} -BackupId one -PassSegment", false),
        ($"Backup-RabbitMq $Store {Good} -BackupId json -RecordFormat Json -Queue orders", false),
        ($"Backup-RabbitMq $Store {Good} -BackupId one", true),
        ($"Backup-RabbitMq $Store {Good} -BackupId two -Resume", true),
        ($"Backup-RabbitMq $Store {Good} -BackupId followed -Queue log -Continuous -Duration 00:00:02 -SegmentInterval 00:00:01", false),
        // It is cut after its first segment, and leaves its checkpoint here and in the store.
        ($"Backup-RabbitMq $Store {Good} -BackupId cut -Queue deep -SegmentBytes 65536 -MaxMessagesPerSecond 300 -PassSegment | ForEach-Object {{ throw $_.Key }}", true),
        ("Get-RabbitBackup $Store -IncludeIncomplete", false),
        ("Get-RabbitBackup $Store no-such", true),
        ("Get-RabbitBackup $Store | Get-RabbitBackupSegment", false),
        ("$null = Get-RabbitBackup $Store | Get-RabbitBackupMessage", false),
        ("Get-RabbitBackup $Store | Test-RabbitBackup -Deep", false),
        ($"Get-RabbitBackup $Store one | Test-RabbitBackup -Drill {Good} -Sample 1", false),
        ("Get-RabbitBackup $Store one | Copy-RabbitBackup -Destination $Folder/copy", false),
        ("Get-RabbitBackup $Store one | Copy-RabbitBackup -Destination $Folder/blocked", true),
        ("Get-RabbitBackup $Store one | Set-RabbitBackup -Pin -PassThru", false),
        ("Get-RabbitBackup $Store one | Remove-RabbitBackup -Confirm:$false", true),
        ("Get-RabbitBackup $Store one | Set-RabbitBackup -Unpin -PassThru", false),
        ("Set-RabbitBackup -Pin -Manifest $Gone", true),
        // A segment that is damaged: deep in it there are messages.
        ("Get-RabbitBackup $Folder/damaged | Test-RabbitBackup -Deep", false),
        ("Get-RabbitBackup $Folder/damaged | Get-RabbitBackupSegment | Get-RabbitBackupMessage", true),
        ($"Get-RabbitBackup $Folder/damaged | Restore-RabbitMq {Good} -QueueMap @{{ orders = 'mended' }} -Confirm:$false", true),
    ];

    private static IEnumerable<(string Script, bool Fails)> Restores() =>
    [
        ($"Get-RabbitBackup $Store one | Restore-RabbitMq {Good} -Queue orders -IfNotEmpty Append -WhatIf", false),
        ($"Get-RabbitBackup $Store one | Restore-RabbitMq {Good} -Queue orders -IfNotEmpty Append -Confirm:$false", false),
        ($"Get-RabbitBackup $Store one | Restore-RabbitMq {Good} -Queue orders -Confirm:$false", true),
        ($"Get-RabbitBackup $Store json | Restore-RabbitMq {Good} -QueueMap @{{ orders = 'full' }} -Force -RejectedStore $Folder/rejected -Confirm:$false", true),
        ($"Get-RabbitBackup $Store one | Restore-RabbitMq {Good} -Queue orders -QueueMap @{{ orders = 'fresh' }} -Confirm:$false -OutVariable global:Restored", false),
        ($"$Restored | Undo-RabbitRestore {Good} -Force -Confirm:$false", false),
        ($"$Restored | Undo-RabbitRestore {Good} -Force -Confirm:$false", true),
    ];

    private static IEnumerable<(string Script, bool Fails)> Definitions() =>
    [
        ($"Export-RabbitDefinitions {Good} -Path $Folder/definitions.json", false),
        ($"Export-RabbitDefinitions {Good} -Path $Folder/definitions.json", true),
        ($"Compare-RabbitDefinitions $Folder/definitions.json {Good} -VirtualHost $HostName", false),
        ($"Compare-RabbitDefinitions $Folder/none.json {Good}", true),
        ($"Import-RabbitDefinitions $Folder/link.json {Good} -WhatIf", false),
        ($"Import-RabbitDefinitions $Folder/link.json {Good} -Confirm:$false", true),
        ($"Import-RabbitDefinitions $Folder/parameter.json {Good} -UndoPath $Folder/undo.json -Confirm:$false -OutVariable global:Report", false),
        ($"Compare-RabbitDefinitions $Folder/parameter.json $Folder/link.json", false),
        ($"$Report | Undo-RabbitImport {Good} -Confirm:$false", false),
        ($"Undo-RabbitImport $Folder/none.json {Good} -Confirm:$false", true),
        ($"Remove-RabbitBackupPolicy {Good} -Confirm:$false", false),
    ];

    private static IEnumerable<(string Script, bool Fails)> CloudStores()
    {
        foreach (string cloud in Clouds)
        {
            string store = $"New-RabbitBackupStore ${cloud} -Endpoint ${cloud}Endpoint";
            yield return ($"$global:Cloud = {store} -Credential ${cloud}Key -Test; $Cloud", false);
            yield return ($"Backup-RabbitMq $Cloud {Good} -BackupId one -Queue orders; Get-RabbitBackup $Cloud | Test-RabbitBackup -Deep; Get-RabbitBackup $Cloud | Remove-RabbitBackup -Force -Confirm:$false", false);
            yield return ($"{store} -Credential ${cloud}WrongKey -Test", true);
            yield return ($"Get-RabbitBackup ({store} -Credential ${cloud}WrongKey)", true);
            yield return ($"Backup-RabbitMq ({store} -Credential ${cloud}WrongKey) {Good}", true);
        }

        yield return ("Get-RabbitBackup (New-RabbitBackupStore $Azure -Endpoint $AzureEndpoint -SasToken $WrongSas)", true);
        yield return ("Get-RabbitBackup (New-RabbitBackupStore $Azure -ConnectionString $WrongConnection)", true);
        yield return ("Get-RabbitBackup (New-RabbitBackupStore $S3 -Endpoint $S3Endpoint -Credential $S3WrongKey -SessionToken $WrongToken)", true);
        yield return ("Get-RabbitBackup (New-RabbitBackupStore gs://bucket -CredentialFile $Folder/service-account.json)", true);
        for (int address = 0; address < SecretTests.Addresses.Length; address++)
        {
            yield return ($"New-RabbitBackupStore $Addresses[{address}]", true);
        }
    }

    private static IEnumerable<(string Script, bool Fails)> Refusals()
    {
        foreach (string connection in new[] { "$Wrong", "$Dead" })
        {
            string bad = $"-Connection (New-RabbitConnection {connection} -ManagementUri $ManagementUri)";
            yield return ($"Get-RabbitQueue -Connection (New-RabbitConnection {connection} -ManagementUri $ManagementUri) -Name no-such", true);
            yield return ($"Backup-RabbitMq $Store {bad} -RetryTimeout 00:00:01", true);
            yield return ($"Get-RabbitBackup $Store one | Restore-RabbitMq {bad} -RetryTimeout 00:00:01 -Confirm:$false", true);
            yield return ($"Get-RabbitBackup $Store one | Test-RabbitBackup -Drill {bad}", true);
        }

        const string Wrong = "-Connection (New-RabbitConnection $Wrong -ManagementUri $ManagementUri)";
        yield return ($"Get-RabbitQueue {Wrong}", true);
        yield return ($"Export-RabbitDefinitions {Wrong}", true);
        yield return ($"Import-RabbitDefinitions $Folder/link.json {Wrong} -Confirm:$false", true);
        yield return ($"Compare-RabbitDefinitions $Folder/link.json {Wrong}", true);
        yield return ($"$Report | Undo-RabbitImport {Wrong} -Confirm:$false", true);
        yield return ($"$Restored | Undo-RabbitRestore {Wrong} -Confirm:$false", true);
        yield return ($"Remove-RabbitBackupPolicy {Wrong} -Confirm:$false", true);
        yield return ("Get-RabbitQueue -Connection $Dead", true);
        for (int broker = 0; broker < SecretTests.Brokers.Length; broker++)
        {
            yield return ($"New-RabbitConnection $Brokers[{broker}]", true);
            yield return ($"Get-RabbitQueue -Connection $Brokers[{broker}]", true);
        }
    }

    private static IEnumerable<(string Script, bool Fails)> Removals() =>
    [
        ("Get-RabbitBackup $Store json | Remove-RabbitBackup -Confirm:$false", false),
        ("Remove-RabbitBackup -Store $Store -BackupId no-such -Confirm:$false", true),
    ];
}
